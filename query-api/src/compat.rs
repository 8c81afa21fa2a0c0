//! The two forms of the API.

use schemas::access::Permission;
use schemas::limits::{PAGE_ROWS_MAX_DOCS, PAGE_ROWS_MAX_ONEUPTIME};

/// Whose behaviour the API follows where the documentation and the reference server differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compat {
    /// The documentation: bare ids and dates, keys in the order of the request.
    #[default]
    Docs,
    /// The reference server, version 12: wrapped ids and dates, keys in the order of the model.
    OneUptime,
}

impl Compat {
    /// Greatest `limit` of a list.
    pub fn page_rows_max(self) -> u32 {
        match self {
            Self::Docs => PAGE_ROWS_MAX_DOCS,
            Self::OneUptime => PAGE_ROWS_MAX_ONEUPTIME,
        }
    }

    /// The permissions that let a key read calls, in the order in which a refusal names them.
    pub fn read_permissions(self) -> Vec<Permission> {
        let own = [Permission::project_owner(), Permission::project_admin(), Permission::project_member()];
        let other = match self {
            Self::Docs => [Permission::read_llm_log(), Permission::read_all_project_resources()],
            Self::OneUptime => [Permission::viewer(), Permission::read_llm_log()],
        };
        own.into_iter().chain(other).collect()
    }
}
