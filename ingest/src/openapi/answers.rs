//! What answers hold.

use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, Type};

use super::{boolean, closed, date, named, nullable, object, string, uuid, whole};

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let position = || string().description(Some("A token of positions: whoever reads with it sees these changes."));
    let listed = |name: &str| ArrayBuilder::new().items(named(name)).description(Some("In the order of the request."));
    let acknowledgement = |item: &str| object([("items", listed(item).into()), ("position", position().into())]);
    let item = object([
        ("callId", uuid().into()),
        ("eventId", string().into()),
        ("partition", whole().into()),
        ("offset", whole().into()),
    ]);
    let reference_item =
        object([("key", string().description(Some("Kind and id of the object.")).into()), ("offset", whole().into())]);
    let keys = object([("keys", ArrayBuilder::new().items(named("ListedKey")).into())]);
    let problem = object([
        ("index", whole().description(Some("Which item of the request, from 0.")).into()),
        ("pointer", string().description(Some("JSON pointer to the place in the item.")).into()),
        ("expected", string().description(Some("What was expected there.")).into()),
    ]);
    components
        .schema("Acknowledgement", closed(acknowledgement("AcknowledgedEvent")))
        .schema("AcknowledgedEvent", closed(item))
        .schema("ReferenceAcknowledgement", closed(acknowledgement("AcknowledgedReference")))
        .schema("AcknowledgedReference", closed(reference_item))
        .schema("KeyList", closed(keys))
        .schema("ListedKey", closed(listed_key()))
        .schema("Problem", closed(problem))
        .schema("IngestError", error())
}

fn listed_key() -> ObjectBuilder {
    let date = || nullable(date(), Type::String);
    let grants = ArrayBuilder::new().items(named("Grant"));
    object([
        ("id", uuid().into()),
        ("name", nullable(string(), Type::String).into()),
        ("projectId", uuid().into()),
        ("projectName", nullable(string(), Type::String).into()),
        ("permissions", grants.into()),
        ("createdAt", date().into()),
        ("expiresAt", date().into()),
        ("revoked", boolean().into()),
    ])
}

fn error() -> ObjectBuilder {
    let count = whole().description(Some("Number of all problems, those beyond the listed too."));
    let calls = ArrayBuilder::new().items(uuid());
    let error = object([("error", string().description(Some("What is wrong.")).into())])
        .property("problemCount", count)
        .property("problems", ArrayBuilder::new().items(named("Problem")))
        .property(
            "callIds",
            calls.description(Some("The calls of the events, to send again with these ids and the same times.")),
        );
    closed(error)
}
