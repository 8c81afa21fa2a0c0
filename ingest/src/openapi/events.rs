//! Call events as they may be sent.

use schemas::event::{CallEventType, MAJOR_VERSION};
use schemas::limits::{
    ATTRIBUTE_BYTES, JSON_DEPTH, LONG_TEXT_BYTES, MEMBERS, NUMBER_MAX, TEXT_CHARS, VERY_LONG_TEXT_BYTES,
};
use schemas::model::{Column, ColumnType};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AllOfBuilder, AnyOfBuilder, ComponentsBuilder, Discriminator, ObjectBuilder, OneOfBuilder, Schema, Type,
};

use super::{boolean, date, named, nullable, object, string, uuid, whole};

/// The types that may come from outside, each with the name of its schema and what it says.
const SENT: [(CallEventType, &str, &str); 6] = [
    (CallEventType::Started, "CallStarted", "A call began. Its status is Running unless `data` has another."),
    (CallEventType::Completed, "CallCompleted", "A call ended well. Its status is Success unless `data` has another."),
    (CallEventType::Failed, "CallFailed", "A call failed. Its status is Error unless `data` has another."),
    (CallEventType::Recorded, "CallRecorded", "A call from beginning to end."),
    (CallEventType::Annotated, "CallAnnotated", "What became known of a call later. At least one column is needed."),
    (CallEventType::Erased, "CallErased", "Erases the call for ever."),
];

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut discriminator = Discriminator::new("type");
    let mut event = OneOfBuilder::new().description(Some("A CloudEvent in structured mode."));
    let mut components = components;
    for (event_type, name, description) in SENT {
        components = components.schema(name, envelope(event_type, description));
        discriminator.mapping.insert(event_type.to_string(), format!("#/components/schemas/{name}"));
        event = event.item(named(name));
    }
    let any = OneOfBuilder::new().item(named("CallEvent")).item(named("CallObject"));
    components
        .schema("CallEvent", event.discriminator(Some(discriminator)))
        .schema("CallObject", call_object())
        .schema("CallItemToAppend", any)
}

fn envelope(event_type: CallEventType, description: &str) -> ObjectBuilder {
    let text = || string().min_length(Some(1)).max_length(Some(ATTRIBUTE_BYTES));
    let optional = || nullable(text(), Type::String);
    let rest = format!("{description} Attributes that are not named here are kept as they are.");
    let schema = optional().pattern(Some(format!("(^|[^0-9])0*{MAJOR_VERSION}$")));
    let envelope = object([
        ("specversion", string().enum_values(Some(["1.0"])).into()),
        ("type", string().enum_values(Some([event_type.to_string()])).into()),
        ("source", text().description(Some("Who publishes the event.")).into()),
        ("data", data(event_type)),
    ])
    .description(Some(rest))
    .property("id", optional().description(Some("Unique within the source; made when there is none.")))
    .property(
        "time",
        nullable(date(), Type::String)
            .description(Some("When it happened; else when it was received, which is later for a repeat.")),
    )
    .property("datacontenttype", optional().pattern(Some(r"^application/(json|.+\+json)\s*(;.*)?$")))
    .property("dataschema", schema.description(Some("A URI that ends in the major version.")))
    .property_names(Some(none_of(["data_base64"])))
    .max_properties(Some(MEMBERS));
    if event_type == CallEventType::Erased {
        let subject = uuid().description(Some("The id of the call to erase."));
        return envelope.property("subject", subject).required("subject");
    }
    envelope.property(
        "subject",
        nullable(uuid(), Type::String).description(Some("The call's id; made when there is none.")),
    )
}

fn data(event_type: CallEventType) -> RefOr<Schema> {
    let data = members(event_type, column_value);
    let refused = Column::ALL.into_iter().filter(|column| column.is_claimable() && !event_type.may_claim(*column));
    let refused: Vec<_> = refused.map(Column::name).collect();
    let data = if refused.is_empty() { data } else { data.property_names(Some(none_of(refused))) };
    match event_type {
        CallEventType::Annotated => {
            let one = event_type.claimable().fold(AnyOfBuilder::new(), |one, column| {
                one.item(ObjectBuilder::new().schema_type(Type::Object).required(column.name()))
            });
            AllOfBuilder::new().item(data).item(one).into()
        }
        _ => data.into(),
    }
}

/// An object with the columns that an event of this type may claim, and those that have rules of their own.
fn members(event_type: CallEventType, value: fn(Column) -> RefOr<Schema>) -> ObjectBuilder {
    let own = [Column::ProjectId, Column::CreatedAt, Column::UpdatedAt, Column::Version];
    let columns = Column::ALL.into_iter().filter(|column| own.contains(column) || event_type.may_claim(*column));
    let text = format!(
        "Columns of the call. null claims that there is no value. Members that are not named here are kept as they are, to {JSON_DEPTH} levels."
    );
    let data = ObjectBuilder::new().schema_type(Type::Object).description(Some(text)).max_properties(Some(MEMBERS));
    let data = columns.fold(data, |data, column| match (column, event_type) {
        (Column::Status, CallEventType::Recorded) => data.property(column.name(), described(column, string())),
        (Column::Status, CallEventType::Failed) => {
            let status = nullable(string(), Type::String).pattern(Some("^(?!Success$)"));
            data.property(column.name(), described(column, status))
        }
        _ => data.property(column.name(), value(column)),
    });
    if event_type == CallEventType::Recorded { data.required(Column::Status.name()) } else { data }
}

/// An LLM Log object, which counts as `recorded`.
fn call_object() -> ObjectBuilder {
    let id = "The call's id; made when there is none.";
    members(CallEventType::Recorded, |column| maybe_wrapped(column.column_type(), column_description(column)))
        .property(Column::Id.name(), maybe_wrapped(ColumnType::ObjectId, id.to_owned()))
        .property_names(Some(none_of(["specversion"])))
}

/// A value, which may be wrapped as the reference server shows ids and dates.
fn maybe_wrapped(column_type: ColumnType, description: String) -> RefOr<Schema> {
    let type_name = match column_type {
        ColumnType::ObjectId => "ObjectID",
        ColumnType::Date => "DateTime",
        _ => return titled(column_type, value(column_type), description),
    };
    let wrapped =
        object([("_type", string().enum_values(Some([type_name])).into()), ("value", value(column_type).into())]);
    AnyOfBuilder::new().description(Some(description)).item(value(column_type)).item(wrapped).into()
}

fn column_value(column: Column) -> RefOr<Schema> {
    described(column, value(column.column_type()))
}

fn described(column: Column, value: ObjectBuilder) -> RefOr<Schema> {
    titled(column.column_type(), value, column_description(column))
}

fn titled(column_type: ColumnType, value: ObjectBuilder, description: String) -> RefOr<Schema> {
    value.title(Some(column_type.title())).description(Some(description)).into()
}

fn column_description(column: Column) -> String {
    if column == Column::ProjectId {
        return "The key's own project, which need not be named. With the master key it has to be.".to_owned();
    }
    let info = column.info();
    let longest = match info.column_type {
        ColumnType::Text => format!("{TEXT_CHARS} characters"),
        ColumnType::LongText => format!("{LONG_TEXT_BYTES} bytes"),
        ColumnType::VeryLongText => format!("{VERY_LONG_TEXT_BYTES} bytes"),
        _ => return info.description.to_owned(),
    };
    format!("{}; cut when it has more than {longest}", info.description)
}

fn value(column_type: ColumnType) -> ObjectBuilder {
    match column_type {
        ColumnType::ObjectId => nullable(uuid(), Type::String),
        ColumnType::Date => nullable(date(), Type::String),
        ColumnType::Number => nullable(whole().maximum(isize::try_from(NUMBER_MAX).ok()), Type::Integer),
        ColumnType::Cents => nullable(ObjectBuilder::new().minimum(Some(-9e11)).maximum(Some(9e11)), Type::Number),
        ColumnType::Boolean => nullable(boolean(), Type::Boolean),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => nullable(string(), Type::String),
        // No event claims a related object: the column of its id is claimed.
        ColumnType::Relation(_) => ObjectBuilder::new(),
    }
}

/// Any name but these.
fn none_of<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    let names: Vec<_> = names.into_iter().collect();
    string().pattern(Some(format!("^(?!({})$)", names.join("|"))))
}
