//! GPT-2's letters for bytes: byte-level BPE writes every byte as one printable character, so that vocabularies are text.
//! Printable bytes of Latin-1 stand for themselves, the other 68 for U+0100 and up, in order.

/// The letter of each byte.
pub fn letters() -> [char; 256] {
    let mut next = 0x100_u32;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) {
            return char::from(byte);
        }
        let letter = char::from_u32(next).unwrap_or(char::REPLACEMENT_CHARACTER);
        next += 1;
        letter
    })
}

/// Bytes that a vocabulary's letters stand for.
pub struct Bytes {
    of_letter: [Option<u8>; 0x144],
}

impl Bytes {
    pub fn new() -> Self {
        let mut of_letter = [None; 0x144];
        for (byte, letter) in letters().into_iter().enumerate() {
            of_letter[letter as usize] = Some(byte as u8);
        }
        Self { of_letter }
    }

    /// The bytes of a token; `None` if it is not written in letters for bytes, as tokens added later are.
    pub fn of(&self, token: &str) -> Option<Vec<u8>> {
        token.chars().map(|letter| *self.of_letter.get(letter as usize)?).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known spellings of GPT-2's vocabulary: space, newline, tab, DEL, no-break space, soft hyphen.
    #[test]
    fn letters_are_those_of_gpt_2() {
        let letters = letters();
        for (byte, letter) in [(b' ', 'Ġ'), (b'\n', 'Ċ'), (b'\t', 'ĉ'), (0x7F, 'ġ'), (0xA0, 'ł'), (0xAD, 'Ń'), (0, 'Ā')]
        {
            assert_eq!(letters[usize::from(byte)], letter);
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes = Bytes::new();
        let all: Vec<u8> = (0..=255).collect();
        let word: String = letters().iter().collect();
        assert_eq!(bytes.of(&word), Some(all));
        assert_eq!(bytes.of("a b"), None, "a space is no letter");
        assert_eq!(bytes.of("日"), None);
    }
}
