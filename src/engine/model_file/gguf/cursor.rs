//! Reading a header without trusting a single length in it.

/// What is wrong at a byte of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub offset: usize,
    pub problem: String,
}

/// The longest string or array that is read; candle and llama.cpp have the same cap.
const MOST_ITEMS: u64 = 1 << 30;

/// A place in the file that only moves forward, and never past the end.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    pub fn offset(&self) -> usize {
        self.at
    }

    pub fn flaw(&self, problem: impl Into<String>) -> Flaw {
        Flaw { offset: self.at, problem: problem.into() }
    }

    fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        if length > self.remaining() {
            return Err(self.flaw(format!("{length} bytes are needed, {} are left", self.remaining())));
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        Ok(self.take(N)?.try_into().expect("N bytes"))
    }

    pub fn u32(&mut self) -> Result<u32, Flaw> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Flaw> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of items that take at least `least_bytes` each: refused if the rest of the file cannot hold them, so
    /// that memory for them is in proportion to the file.
    pub fn count(&mut self, what: &str, least_bytes: usize) -> Result<usize, Flaw> {
        let flaw_at = self.at;
        let count = self.u64()?;
        let fits = self.remaining() / least_bytes;
        if count > MOST_ITEMS || count > fits as u64 {
            let problem =
                format!("{count} {what}, but the rest of the file holds at most {}", MOST_ITEMS.min(fits as u64));
            return Err(Flaw { offset: flaw_at, problem });
        }
        Ok(count as usize)
    }

    pub fn string(&mut self) -> Result<&'a str, Flaw> {
        let length = self.count("bytes of text", 1)?;
        let flaw_at = self.at;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map_err(|error| Flaw { offset: flaw_at + error.valid_up_to(), problem: "text is not UTF-8".to_string() })
    }
}
