//! Pictures of the figures.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use crate::case::Case;
use crate::contenders;
use crate::figures::Figures;
use crate::threads::{self, THREADS};

/// `docs/images`.
fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images")
}

/// Instructions of one hop: for each case that matters most, a bar for each contender.
///
/// # Errors
///
/// When a picture can't be written.
pub fn hop(figures: &Figures) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(images())?;
    for case in ["absent", "baggage-1"] {
        let bars = contenders::ALL.into_iter().filter(|name| *name != "bare").filter_map(|name| {
            let instructions = figures.get(name, case)?.instructions?;
            Some((name, instructions))
        });
        let bars: Vec<_> = bars.collect();
        if !bars.is_empty() && Case::named(case).is_some() {
            draw(&images().join(format!("hop-{case}.svg")), case, &bars)?;
        }
    }
    Ok(())
}

fn draw(path: &Path, case: &str, bars: &[(&str, f64)]) -> Result<(), Box<dyn Error>> {
    let height = 70 + 34 * bars.len() as u32;
    let root = SVGBackend::new(path, (760, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let most = bars.iter().map(|(_, n)| *n).fold(1.0, f64::max);
    let title = format!("Instructions of one hop, {case}");
    root.draw(&Text::new(title, (16, 14), ("sans-serif", 18)))?;
    for (at, (name, number)) in bars.iter().enumerate() {
        let top = 48 + 34 * at as i32;
        let width = (number / most * 380.0) as i32;
        let color = if name.starts_with("greenlane") {
            RGBColor(34, 139, 87)
        } else {
            RGBColor(120, 130, 140)
        };
        let bar = [(270, top), (270 + width.max(1), top + 22)];
        root.draw(&Rectangle::new(bar, color.filled()))?;
        root.draw(&Text::new((*name).to_owned(), (16, top + 4), ("sans-serif", 14)))?;
        let label = (276 + width.max(1), top + 4);
        root.draw(&Text::new(format!("{number:.0}"), label, ("sans-serif", 14)))?;
    }
    root.present()?;
    Ok(())
}

/// Instructions against how many there are of something, both axes by powers of ten.
///
/// # Errors
///
/// When the picture can't be written.
pub fn scale(all: &BTreeMap<&str, Vec<(u32, f64)>>) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(images())?;
    let path = images().join("scale.svg");
    let root = SVGBackend::new(&path, (760, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let most = all.values().flatten().map(|(_, count)| *count).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .caption("Instructions, by how many there are", ("sans-serif", 18))
        .margin(16)
        .margin_right(48)
        .x_label_area_size(32)
        .y_label_area_size(72)
        .build_cartesian_2d((1_f64..100_000_f64).log_scale(), (100_f64..most).log_scale())?;
    let whole = |number: &f64| format!("{number:.0}");
    chart.configure_mesh().x_label_formatter(&whole).y_label_formatter(&whole).draw()?;
    for (at, (name, cells)) in all.iter().enumerate() {
        let color = Palette99::pick(at).to_rgba();
        let line = cells.iter().map(|(size, count)| (f64::from(*size), *count));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}

/// Those that the picture of threads has, each with its color.
const LINES: [(&str, RGBColor); 4] = [
    ("floor", RGBColor(120, 130, 140)),
    ("greenlane", RGBColor(34, 139, 87)),
    ("greenlane-trail", RGBColor(43, 108, 176)),
    ("opentelemetry", RGBColor(214, 117, 28)),
];

/// Hops a second against threads: a chart for each case, all with one scale.
///
/// # Errors
///
/// When the picture can't be written.
pub fn threads(figures: &threads::Figures) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(images())?;
    let path = images().join("threads.svg");
    let root = SVGBackend::new(&path, (960, 620)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(
        "Hops in memory, by how many threads take them with one handle",
        (16, 14),
        ("sans-serif", 18),
    ))?;
    let all = LINES.into_iter().flat_map(|(name, _)| {
        let cells = Case::THREADS.into_iter().flat_map(|case| THREADS.map(|count| (case, count)));
        cells.filter_map(move |(case, count)| figures.median(name, case.name, count))
    });
    let most = all.fold(1.0, f64::max) / 1e6 * 1.05;
    let areas = root.margin(44, 4, 4, 4).split_evenly((2, 3));
    for (area, case) in areas.iter().zip(Case::THREADS) {
        let last = THREADS.len() as f64 - 1.0;
        let mut chart = ChartBuilder::on(area)
            .caption(case.name, ("sans-serif", 16))
            .margin(8)
            .margin_right(20)
            .x_label_area_size(40)
            .y_label_area_size(48)
            .build_cartesian_2d(-0.2..last + 0.2, 0.0..most)?;
        let threads = |at: &f64| {
            let count = THREADS.get(at.round() as usize).filter(|_| at.fract().abs() < 0.01);
            count.map(ToString::to_string).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(THREADS.len())
            .x_label_formatter(&threads)
            .y_labels(6)
            .y_label_formatter(&|millions| format!("{millions:.0}"))
            .x_desc("threads")
            .y_desc("millions a second")
            .draw()?;
        for (name, color) in LINES {
            let cell = |(at, count): (usize, &usize)| {
                Some((at as f64, figures.median(name, case.name, *count)? / 1e6))
            };
            let line: Vec<_> = THREADS.iter().enumerate().filter_map(cell).collect();
            let points = line.iter().map(|point| Circle::new(*point, 3, color.filled()));
            chart.draw_series(points)?;
            chart.draw_series(LineSeries::new(line, color.stroke_width(2)))?;
        }
    }
    // The sixth place tells which line is whose.
    if let Some(area) = areas.get(Case::THREADS.len()) {
        for (at, (name, color)) in LINES.into_iter().enumerate() {
            let top = 70 + 30 * at as i32;
            area.draw(&PathElement::new([(60, top), (100, top)], color.stroke_width(2)))?;
            area.draw(&Circle::new((80, top), 3, color.filled()))?;
            area.draw(&Text::new(name, (112, top - 8), ("sans-serif", 15)))?;
        }
    }
    root.present()?;
    Ok(())
}
