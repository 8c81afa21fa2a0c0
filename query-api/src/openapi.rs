//! The description of the API in OpenAPI 3.1.

use utoipa::openapi::OpenApi;

pub fn openapi() -> OpenApi {
    OpenApi::default()
}
