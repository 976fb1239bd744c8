use std::fmt;

/// digits / 10^scale, exactly.
#[derive(Clone, Copy)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

/// Far beyond any amount, and small enough for every sum here to fit.
const SCALE_MAX: u32 = 12;
/// An amount is written with at least its cents.
const SCALE_MIN: u32 = 2;

impl Decimal {
    pub const ZERO: Decimal = Decimal { digits: 0, scale: SCALE_MIN };

    /// The text of a JSON number without an exponent.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= SCALE_MAX)?;
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Decimal { digits, scale }.scaled(SCALE_MIN)
    }

    pub fn times(self, n: u64) -> Option<Decimal> {
        Some(Decimal { digits: self.digits.checked_mul(n.into())?, scale: self.scale })
    }

    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        let (a, b) = (self.scaled(other.scale)?, other.scaled(self.scale)?);
        Some(Decimal { digits: a.digits.checked_add(b.digits)?, scale: a.scale })
    }

    /// The same amount with at least `scale` digits after the point.
    fn scaled(self, scale: u32) -> Option<Decimal> {
        let missing = scale.saturating_sub(self.scale);
        Some(Decimal { digits: self.digits.checked_mul(10i128.checked_pow(missing)?)?, scale: self.scale + missing })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u128.pow(self.scale);
        let digits = self.digits.unsigned_abs();
        let sign = if self.digits < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit, width = self.scale as usize)
    }
}
