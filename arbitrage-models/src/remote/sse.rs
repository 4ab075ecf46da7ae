//! Server-sent events, parsed from chunks of bytes.
//!
//! Written by hand: `eventsource-stream` buffers an event of any length, and does not say whether a stream ended in the middle of one.

/// Most bytes of an event.
const MAX_EVENT_BYTES: usize = 1 << 22;

/// Splits a stream into the data of its events. Comments, names and ids are ignored, and so is an event without its end.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are known to contain no line end.
    searched: usize,
    data: Vec<u8>,
}

/// An event is longer than this limit in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EventTooLong(pub usize);

impl EventParser {
    /// Adds a chunk, and returns the data of every event that it completes.
    ///
    /// # Errors
    /// [`EventTooLong`].
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, EventTooLong> {
        self.buffer.extend_from_slice(bytes);
        let (mut start, mut events) = (0, Vec::new());
        while let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
            let end = self.searched + at;
            let line = &self.buffer[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                events.extend(Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty()));
            } else if let Some(data) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
            start = end + 1;
            self.searched = start;
        }
        self.buffer.drain(..start);
        self.searched = self.buffer.len();
        let length = self.buffer.len() + self.data.len();
        if length > MAX_EVENT_BYTES { Err(EventTooLong(MAX_EVENT_BYTES)) } else { Ok(events) }
    }

    /// Whether the stream so far ends inside an event.
    pub(super) fn has_partial_event(&self) -> bool {
        !(self.buffer.is_empty() && self.data.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&[u8]]) -> (Vec<String>, bool) {
        let (mut parser, mut events) = (EventParser::default(), Vec::new());
        for chunk in chunks {
            events.extend(parser.push(chunk).unwrap().into_iter().map(|data| String::from_utf8(data).unwrap()));
        }
        (events, parser.has_partial_event())
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_split() {
        let text = b": hello\n\ndata: {\"a\":1}\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\ndata: [DONE]\n\n";
        let expected = ["{\"a\":1}", "two\nlines", "[DONE]"];
        assert_eq!(parse(&[text]).0, expected);
        for cut in 0..text.len() {
            assert_eq!(parse(&[&text[..cut], &text[cut..]]).0, expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(parse(&single), (expected.map(str::to_owned).to_vec(), false));
    }

    #[test]
    fn an_incomplete_event_is_not_passed_on() {
        assert_eq!(parse(&[b"data: {\"a\""]), (vec![], true));
        assert_eq!(parse(&[b"data: whole\n"]), (vec![], true));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = EventParser::default();
        let chunk = vec![b'x'; MAX_EVENT_BYTES / 2];
        let mut push = || parser.push(&chunk).map(|events| events.len());
        assert_eq!((push(), push(), push()), (Ok(0), Ok(0), Err(EventTooLong(MAX_EVENT_BYTES))));
    }
}
