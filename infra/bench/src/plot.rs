//! A chart of the distribution of the latencies.

use plotters::prelude::*;

use crate::{
    Error,
    case::Case,
    figures::{ms, quantile},
    measure::Run,
};

const SIZE: (u32, u32) = (800, 400);
/// The share of the invocations that the chart shows. The slowest ones would compress the rest.
const SHOWN_PER_MILLE: usize = 995;

/// Draws the cumulative distribution of the latencies as SVG. It omits the login, which takes a hundred times as long
/// as the authorizer because of Argon2.
pub fn draw(runs: &[(&Case, Vec<Run>)]) -> Result<String, Error> {
    let curves: Vec<(&str, Vec<f64>)> = runs
        .iter()
        .filter(|(case, _)| case.function == "authorizer")
        .map(|(case, runs)| (case.name, sorted(runs)))
        .collect();
    let shown = curves.iter().map(|(_, latencies)| quantile(latencies, SHOWN_PER_MILLE));
    let longest = shown.fold(0.0, f64::max);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..longest, 0.0..100.0)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("latency, ms")
            .y_desc("% of invocations")
            .draw()?;
        for (index, (name, latencies)) in curves.iter().enumerate() {
            let colour = Palette99::pick(index).to_rgba();
            let points = (0..=1_000_u16)
                .map(|per_mille| (quantile(latencies, per_mille.into()), f64::from(per_mille) / 10.0));
            chart
                .draw_series(LineSeries::new(points.filter(|(latency, _)| *latency <= longest), colour))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
        }
        chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).draw()?;
        root.present()?;
    }
    Ok(svg)
}

fn sorted(runs: &[Run]) -> Vec<f64> {
    let mut latencies: Vec<f64> = runs.iter().flat_map(|run| &run.latencies).copied().map(ms).collect();
    latencies.sort_unstable_by(f64::total_cmp);
    latencies
}
