//! Server-sent events, as far as completions use them: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

/// Takes a stream apart into the data of its events, however it is cut into pieces.
#[derive(Debug, Default)]
pub struct EventStream {
    /// A line whose end has not come.
    line: Vec<u8>,
    /// Data lines of the event that is being read.
    data: Option<String>,
    /// The last piece ended with a carriage return, which a line feed may complete.
    after_return: bool,
}

impl EventStream {
    /// Reads on; gives the data of every event that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in bytes {
            let completes_return = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            match byte {
                b'\n' if completes_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte => self.line.push(byte),
            }
        }
        events
    }

    /// The data of an event that the stream's end completes: not every server sends the last empty line.
    pub fn finish(mut self) -> Option<String> {
        let ended = self.end_line();
        ended.or(self.data)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.data.take();
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => *data = format!("{data}\n{value}"),
                none => *none = Some(value.to_string()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        ": a comment\r\nevent: x\r\ndata: {\"a\": 1}\r\n\r\ndata:two\ndata:  lines\n\nid: 7\n\ndata: [DONE]\r\r";

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let wanted = ["{\"a\": 1}", "two\n lines", "[DONE]"];
        for size in 1..TEXT.len() {
            let mut stream = EventStream::default();
            let events: Vec<String> = TEXT.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
            assert_eq!(events, wanted, "in pieces of {size}");
            assert_eq!(stream.finish(), None);
        }
    }

    #[test]
    fn an_event_may_end_with_the_stream() {
        for text in ["data: last", "data: last\n"] {
            let mut stream = EventStream::default();
            assert!(stream.push(text.as_bytes()).is_empty());
            assert_eq!(stream.finish().as_deref(), Some("last"));
        }
        let mut stream = EventStream::default();
        assert_eq!(stream.push("data: ä".as_bytes()[..7].into()), Vec::<String>::new());
        stream.push(&"data: ä\n\n".as_bytes()[7..]);
        assert_eq!(stream.finish(), None, "a character may be cut, too");
    }
}
