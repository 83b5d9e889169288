//! How well text stands out from what is behind it (WCAG 2.2, 1.4.3).

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Colour([f64; 4]);

impl Colour {
    /// Reads a computed colour: `rgb(1, 2, 3)` or `rgba(1, 2, 3, 0.5)`.
    pub(crate) fn parse(text: &str) -> Self {
        let numbers = text.trim_start_matches("rgba").trim_start_matches("rgb").trim_matches(['(', ')']);
        let mut numbers = numbers.split(',').map(|number| number.trim().parse().unwrap());
        let mut next = |missing| numbers.next().unwrap_or(missing);
        Self([next(0.0), next(0.0), next(0.0), next(1.0)])
    }

    pub(crate) fn over(self, behind: Self) -> Self {
        let [.., opacity] = self.0;
        let mix = |at: usize| self.0[at] * opacity + behind.0[at] * (1.0 - opacity);
        Self([mix(0), mix(1), mix(2), 1.0])
    }

    fn luminance(self) -> f64 {
        let [red, green, blue, _] = self.0.map(|value| {
            let part = value / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// From 1 (none) to 21 (black on white).
    pub(crate) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

#[test]
fn known_contrasts_are_found() {
    let (black, white) = (Colour::parse("rgb(0, 0, 0)"), Colour::parse("rgb(255, 255, 255)"));
    assert!((black.contrast(white) - 21.0).abs() < 1e-9);
    assert!((white.contrast(Colour::parse("rgb(119, 119, 119)")) - 4.48).abs() < 0.01);
    assert_eq!(Colour::parse("rgba(0, 0, 0, 0)").over(white), white);
}
