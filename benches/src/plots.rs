//! Pictures of the figures.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use crate::case::Case;
use crate::contenders;
use crate::figures::Figures;

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
