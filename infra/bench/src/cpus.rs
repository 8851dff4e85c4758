//! Which CPU runs what: a program has one for itself, as on Lambda, and all that it speaks to has another.

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::Error;

/// The CPU that programs run on.
#[derive(Clone, Copy)]
pub struct ProgramCpu(usize);

impl ProgramCpu {
    /// Takes two of the CPUs that this process may use: one for programs, and the other for what this thread does from
    /// now on and for the threads that it starts.
    pub fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let (Some(own), Some(programs)) = (allowed.next(), allowed.next()) else {
            return Err("it takes two CPUs".into());
        };
        sched_setaffinity(None, &only(own))?;
        Ok(Self(programs))
    }

    /// Moves the program `id` there.
    pub fn give_to(self, id: u32) -> Result<(), Error> {
        let id = Pid::from_raw(i32::try_from(id)?).ok_or("no process")?;
        Ok(sched_setaffinity(Some(id), &only(self.0))?)
    }
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
