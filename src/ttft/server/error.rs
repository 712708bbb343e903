//! Why a server gave no first token.

/// A request that was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("`{url}` is no address of a server: {problem}; give one like http://localhost:8000/v1")]
    Address { url: String, problem: String },

    #[error("{url}: {source}; is the server up, and is this its address?")]
    Connection { url: String, source: ureq::Error },

    #[error("{url} answered {status}: {body}")]
    Status { url: String, status: u16, body: String },

    #[error("{url} answered with {content_type} instead of a stream of events; it must support `stream: true`")]
    NoStream { url: String, content_type: String },

    #[error("{url}: the stream broke off after {events} events: {source}")]
    BrokenOff { url: String, events: usize, source: std::io::Error },

    #[error("{url}: event {number} is not what completions are made of: {problem}: {event}")]
    Event { url: String, number: usize, problem: String, event: String },

    #[error("{url} reported in its stream: {message}")]
    Reported { url: String, message: String },

    #[error(
        "{url} ended its answer without any text; its first token may be one that ends a text: give --request-body \
         '{{\"ignore_eos\": true}}' where the server knows it, or another --seed"
    )]
    NoText { url: String },
}
