//! An answer that can be given again.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio_postgres::Row;

use crate::database::StatementError;

/// All that a client may rely on in the answer to a request that made something.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The path of what was made.
    pub location: String,
    /// The version of what was made.
    pub etag: HeaderValue,
    /// What was made, as JSON.
    pub body: String,
}

impl Answer {
    /// The entity tag as the database keeps it.
    pub(super) fn etag_text(&self) -> &str {
        self.etag.to_str().unwrap_or_default()
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, StatementError> {
        let status = u16::try_from(row.try_get::<_, i16>("status")?).map_err(StatementError::other)?;
        let etag: &str = row.try_get("etag")?;
        Ok(Self {
            status: StatusCode::from_u16(status).map_err(StatementError::other)?,
            location: row.try_get("location")?,
            etag: HeaderValue::try_from(etag).map_err(StatementError::other)?,
            body: row.try_get("body")?,
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let content_type = HeaderValue::from_static("application/json");
        let location = (header::LOCATION, self.location);
        (
            self.status,
            [location],
            [(header::ETAG, self.etag), (header::CONTENT_TYPE, content_type)],
            self.body,
        )
            .into_response()
    }
}
