//! What a principal may see.

use schemas::access::{Forbidden, Principal, ReadScope};
use schemas::id::{ProjectId, is_hyphenated_uuid};

use crate::compat::Compat;
use crate::refusal::Refusal;
use crate::request::{Operation, Request};

const MULTI_TENANT: &str = "is-multi-tenant-query";
const TENANT: &str = "tenantid";

/// The calls that this request may read.
pub(crate) fn read_scope(
    principal: Option<&Principal>,
    request: &Request,
    compat: Compat,
) -> Result<ReadScope, Refusal> {
    let principal = principal.ok_or(Refusal::NotLoggedIn(Operation::Read))?;
    let permissions = compat.read_permissions();
    let scope = principal.read_scope(&permissions);
    if let Err(Forbidden::Blocked(permission)) = scope {
        return Err(Refusal::Blocked(permission));
    }
    if request.headers.contains_key(MULTI_TENANT) {
        return Err(Refusal::MultiTenant);
    }
    match scope {
        Ok(ReadScope::EveryProject) => tenant(request),
        Ok(scope) => Ok(scope),
        Err(_) => {
            let titles: Vec<&str> = permissions.iter().map(schemas::access::Permission::title).collect();
            Err(Refusal::NoReadPermission(titles.join(", ")))
        }
    }
}

/// The one project that the holder of the master key asks for, or every one.
fn tenant(request: &Request) -> Result<ReadScope, Refusal> {
    let header = request.headers.get(TENANT).map(|value| value.to_str().unwrap_or("?"));
    let Some(tenant) = header.or(request.parameter(TENANT)).map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(ReadScope::EveryProject);
    };
    if !is_hyphenated_uuid(tenant) {
        return Err(Refusal::InvalidTenant);
    }
    tenant.parse::<ProjectId>().map(ReadScope::Project).map_err(|_| Refusal::InvalidTenant)
}
