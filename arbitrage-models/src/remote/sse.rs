//! Server-sent events, from bytes that come in any pieces.

/// The longest event, in bytes.
const LONGEST: usize = 1 << 22;

/// Cuts a stream into the data of its events. Comments, names and ids are passed over; an event that was not ended is none.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// Bytes of the buffer that hold no line end.
    searched: usize,
    data: Vec<u8>,
}

/// An event longer than any real one; the cap in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub usize);

impl Events {
    /// Adds what has come, and gives `each` the data of every event that it completes.
    ///
    /// # Errors
    /// [`TooLong`], or `each`'s own error.
    pub fn push<E: From<TooLong>>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
            let end = self.searched + at;
            let line = &self.buffer[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                if !self.data.is_empty() {
                    each(&std::mem::take(&mut self.data))?;
                }
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
        if self.buffer.len() + self.data.len() > LONGEST { Err(TooLong(LONGEST).into()) } else { Ok(()) }
    }

    /// Whether an event has begun and not ended.
    pub fn is_open(&self) -> bool {
        !(self.buffer.is_empty() && self.data.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let (mut events, mut found) = (Events::default(), Vec::new());
        for piece in pieces {
            let outcome: Result<(), TooLong> = events.push(piece, |data| {
                found.push(String::from_utf8_lossy(data).into_owned());
                Ok(())
            });
            assert_eq!(outcome, Ok(()));
        }
        (found, events.is_open())
    }

    #[test]
    fn events_are_the_same_however_the_bytes_come() {
        let text = b": hello\n\ndata: {\"a\":1}\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\ndata: [DONE]\n\n";
        let expected = ["{\"a\":1}", "two\nlines", "[DONE]"];
        assert_eq!(read(&[text]).0, expected);
        for cut in 0..text.len() {
            assert_eq!(read(&[&text[..cut], &text[cut..]]).0, expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(read(&single), (expected.map(str::to_owned).to_vec(), false));
    }

    #[test]
    fn an_event_that_is_cut_is_none() {
        assert_eq!(read(&[b"data: {\"a\""]), (vec![], true));
        assert_eq!(read(&[b"data: whole\n"]), (vec![], true));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; LONGEST / 2];
        let mut push = || events.push(&piece, |_| Ok::<(), TooLong>(()));
        assert_eq!((push(), push(), push()), (Ok(()), Ok(()), Err(TooLong(LONGEST))));
    }
}
