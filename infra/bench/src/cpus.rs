//! Assigns CPUs. The measured programs share one CPU, and everything that they call runs on another.

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::Error;

/// The CPU on which the measured programs run.
#[derive(Clone, Copy)]
pub struct ProgramCpu(usize);

impl ProgramCpu {
    /// Chooses two of the CPUs that this process may use: one for the programs, and one for this thread and the threads
    /// that it starts from now on.
    pub fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let (Some(own), Some(programs)) = (allowed.next(), allowed.next()) else {
            return Err("the benchmark needs two CPUs".into());
        };
        sched_setaffinity(None, &only(own))?;
        Ok(Self(programs))
    }

    /// Binds the process `id` to this CPU.
    pub fn assign_to(self, id: u32) -> Result<(), Error> {
        let id = Pid::from_raw(i32::try_from(id)?).ok_or("the process id is 0")?;
        Ok(sched_setaffinity(Some(id), &only(self.0))?)
    }
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
