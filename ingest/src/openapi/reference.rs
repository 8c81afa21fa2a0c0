//! Reference events as they may be sent.

use schemas::access::Permission;
use schemas::reference::ReferenceKind;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, ComponentsBuilder, Discriminator, ObjectBuilder, OneOfBuilder, Schema, Type,
};

use super::{boolean, closed, date, named, nullable, object, string, uuid};

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut discriminator = Discriminator::new("type");
    let text = "One change of the reference data: a later event of the same type and subject replaces it.";
    let mut event = OneOfBuilder::new().description(Some(text));
    let mut components = components.schema("Grant", closed(grant()));
    for kind in ReferenceKind::ALL {
        let Some((name, data)) = data(kind) else { continue };
        let event_type = format!("llm-log.reference.{}", kind.name());
        components =
            components.schema(name, envelope(kind, &event_type, if is_of_key(kind) { closed(data) } else { data }));
        discriminator.mapping.insert(event_type, format!("#/components/schemas/{name}"));
        event = event.item(named(name));
    }
    components.schema("ReferenceEvent", event.discriminator(Some(discriminator)))
}

fn envelope(kind: ReferenceKind, event_type: &str, data: ObjectBuilder) -> ObjectBuilder {
    // A revocation is final.
    let data: RefOr<Schema> = if kind == ReferenceKind::KeyRevocation {
        data.into()
    } else {
        nullable(data, Type::Object).description(Some("null deletes the object.")).into()
    };
    object([
        ("specversion", string().enum_values(Some(["1.0"])).into()),
        ("type", string().enum_values(Some([event_type])).into()),
        ("subject", uuid().description(Some("The object's id.")).into()),
        ("data", data),
    ])
}

fn is_of_key(kind: ReferenceKind) -> bool {
    matches!(kind, ReferenceKind::Key | ReferenceKind::KeyRevocation)
}

/// The schema's name and the object of this kind; none of the kind that nobody may send.
fn data(kind: ReferenceKind) -> Option<(&'static str, ObjectBuilder)> {
    let text = || nullable(string(), Type::String);
    let id = || nullable(uuid(), Type::String);
    let time = || nullable(date(), Type::String);
    let number = || nullable(ObjectBuilder::new(), Type::Integer);
    let project = || ("projectId", uuid().into());
    Some(match kind {
        ReferenceKind::Log => return None,
        ReferenceKind::Project => ("ReferenceProject", object([("name", string().into())])),
        ReferenceKind::Key => {
            let hash = string()
                .pattern(Some("^[0-9a-fA-F]{64}$"))
                .description(Some("SHA-256 of \"llm-log api key\", a line feed and the key's 16 bytes."));
            let grants = ArrayBuilder::new().items(named("Grant"));
            let key = object([project(), ("hash", hash.into()), ("permissions", grants.into())])
                .property("name", text())
                .property("createdAt", time())
                .property("expiresAt", time());
            ("ReferenceKey", key)
        }
        ReferenceKind::KeyRevocation => ("ReferenceKeyRevocation", object([]).property("revokedAt", time())),
        ReferenceKind::LlmProvider => {
            let provider = object([("name", string().into())])
                .property("projectId", id().description(Some("None for a global provider.")))
                .property("isGlobalLlm", boolean());
            ("ReferenceLlmProvider", provider)
        }
        ReferenceKind::User => {
            let user = object([])
                .property("name", text())
                .property("email", text())
                .property("profilePictureId", id())
                .property("twoFactorAuthEnabled", nullable(boolean(), Type::Boolean))
                .property(
                    "projectIds",
                    ArrayBuilder::new().items(uuid()).description(Some("The projects that the user belongs to.")),
                );
            ("ReferenceUser", user)
        }
        ReferenceKind::Incident => {
            let incident = object([project()])
                .property("title", text())
                .property("currentIncidentStateId", id())
                .property("createdByProbeId", id())
                .property("incidentNumber", number())
                .property("incidentNumberWithPrefix", text());
            ("ReferenceIncident", incident)
        }
        ReferenceKind::Alert => {
            let alert = object([project()])
                .property("title", text())
                .property("currentAlertStateId", id())
                .property("createdByProbeId", id())
                .property("alertNumber", number())
                .property("alertNumberWithPrefix", text());
            ("ReferenceAlert", alert)
        }
        ReferenceKind::ScheduledMaintenance => {
            ("ReferenceScheduledMaintenance", object([project()]).property("title", text()))
        }
    })
}

fn grant() -> ObjectBuilder {
    let known: Vec<_> = Permission::KNOWN.iter().map(|(name, _)| *name).collect();
    let known = format!("{}. Others grant nothing.", known.join(", "));
    object([("permission", string().description(Some(known)).into())])
        .property("isBlockPermission", boolean().description(Some("Takes the permission away instead of giving it.")))
        .property("labelIds", ArrayBuilder::new().items(uuid()))
}
