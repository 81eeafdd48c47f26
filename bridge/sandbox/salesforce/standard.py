"""The standard objects a call centre meets, with the fields that matter to one.

Source: Salesforce Object Reference, the pages of the objects named here.
"""

from __future__ import annotations

from bridge.sandbox.salesforce.schema import Entity, Field, FieldType, Schema

PHONE_LENGTH = 40
DESCRIPTION_LENGTH = 32_000
ACTIVITY_PARENTS = ("Account", "Case")
ACTIVITY_PEOPLE = ("Contact", "Lead")


def standard_schema() -> Schema:
    """Give a fresh schema: Account, Contact, Lead, Case, Task, User, Group, RecordType, Organization and the like."""
    return Schema(
        [
            _entity("Account", "001", _name(), *_phones("Phone", "Fax"), _text("Website", kind="url"), *_account()),
            _entity("Contact", "003", *_person(), *_contact()),
            _entity("Lead", "00Q", *_person(), *_lead()),
            _entity("Case", "500", *_case()),
            _entity("Task", "00T", *_task()),
            _entity("User", "005", *_user(), owned=False),
            _entity("Group", "00G", _name(), _text("DeveloperName"), _pick("Type"), owned=False, searchable=False),
            _entity("RecordType", "012", *_record_type(), owned=False, searchable=False),
            _entity("CustomNotificationType", "0ML", *_notification_type(), owned=False, searchable=False),
            _entity("Organization", "00D", *_organization(), owned=False, searchable=False),
        ]
    )


def person_account_fields() -> tuple[Field, ...]:
    """Give the fields that Account gains when an org turns person accounts on."""
    return (
        _flag("IsPersonAccount"),
        Field("PersonContactId", "reference", 18, refers_to=("Contact",), createable=False, updateable=False),
        *_phones("PersonMobilePhone", "PersonHomePhone", "PersonOtherPhone"),
        _text("PersonEmail", 80, kind="email"),
        _text("FirstName", 40),
        _text("LastName", 80),
    )


def custom_entity(name: str, prefix: str, *fields: Field) -> Entity:
    """Give a custom object with the system fields every record has."""
    return _entity(name, prefix, _name(required=False), *fields)


def _entity(name: str, prefix: str, *fields: Field, owned: bool = True, searchable: bool = True) -> Entity:
    entity = Entity(name, prefix, searchable=searchable)
    entity.add(
        Field("Id", "id", 18, createable=False, updateable=False),
        _flag("IsDeleted"),
        *fields,
        *(_stamp(stamp) for stamp in ("CreatedDate", "LastModifiedDate", "SystemModstamp")),
        *(_by(who) for who in ("CreatedBy", "LastModifiedBy")),
    )
    if owned:
        entity.add(_ref("OwnerId", "Owner", "User", "Group"))
    return entity


def _account() -> tuple[Field, ...]:
    return (
        _pick("Type"),
        _pick("Industry"),
        _text("AccountNumber", 40),
        _ref("ParentId", "Parent", "Account", children="ChildAccounts"),
        _text("Description", DESCRIPTION_LENGTH, kind="textarea"),
        _last_activity(),
    )


def _person() -> tuple[Field, ...]:
    return (
        Field("Name", length=121, createable=False, updateable=False, name_field=True),
        _text("FirstName", 40),
        _text("LastName", 80, required=True),
        _pick("Salutation"),
        _text("Title", 128),
        *_phones("Phone", "MobilePhone", "Fax"),
        _text("Email", 80, kind="email"),
        _text("Description", DESCRIPTION_LENGTH, kind="textarea"),
        _last_activity(),
    )


def _contact() -> tuple[Field, ...]:
    return (
        *_phones("HomePhone", "OtherPhone", "AssistantPhone"),
        _ref("AccountId", "Account", "Account", children="Contacts"),
    )


def _lead() -> tuple[Field, ...]:
    return (
        _text("Company", required=True),
        _pick("Status"),
        _flag("IsConverted"),
        _ref("ConvertedContactId", "ConvertedContact", "Contact", writable=False),
        _ref("ConvertedAccountId", "ConvertedAccount", "Account", writable=False),
    )


def _case() -> tuple[Field, ...]:
    return (
        Field("CaseNumber", length=30, createable=False, updateable=False, name_field=True),
        _text("Subject"),
        _text("Description", DESCRIPTION_LENGTH, kind="textarea"),
        _pick("Status"),
        _pick("Origin"),
        _pick("Priority"),
        _pick("Reason"),
        _flag("IsClosed"),
        _flag("IsEscalated", writable=True),
        _ref("ContactId", "Contact", "Contact", children="Cases"),
        _ref("AccountId", "Account", "Account", children="Cases"),
        _ref("RecordTypeId", "RecordType", "RecordType"),
        _text("SuppliedName", 80),
        _text("SuppliedPhone", PHONE_LENGTH),
        _text("SuppliedEmail", 80, kind="email"),
        Field("ClosedDate", "datetime", 0, createable=False, updateable=False),
    )


def _task() -> tuple[Field, ...]:
    return (
        _text("Subject"),
        _pick("Status"),
        _pick("Priority"),
        Field("ActivityDate", "date", 0),
        _text("Description", DESCRIPTION_LENGTH, kind="textarea"),
        _ref("WhoId", "Who", *ACTIVITY_PEOPLE, children="Tasks"),
        _ref("WhatId", "What", *ACTIVITY_PARENTS, children="Tasks"),
        _ref("RecordTypeId", "RecordType", "RecordType"),
        _pick("TaskSubtype"),
        _pick("Type"),
        _pick("CallType"),
        Field("CallDurationInSeconds", "int", 8),
        _text("CallDisposition"),
        _text("CallObject"),
        _flag("IsClosed"),
        Field("CompletedDateTime", "datetime", 0, createable=False, updateable=False),
    )


def _user() -> tuple[Field, ...]:
    return (
        Field("Name", length=121, createable=False, updateable=False, name_field=True),
        _text("Username", 80, required=True),
        _text("FirstName", 40),
        _text("LastName", 80, required=True),
        _text("Email", 128, kind="email"),
        _text("Alias", 8),
        *_phones("Phone", "MobilePhone", "Extension"),
        _flag("IsActive", writable=True),
        _pick("UserType"),
        _text("FederationIdentifier", 512),
        _text("EmployeeNumber", 20),
        _text("TimeZoneSidKey", 40),
    )


def _record_type() -> tuple[Field, ...]:
    return _name(), _text("DeveloperName", 80), _text("SobjectType", 40), _flag("IsActive", writable=True)


def _notification_type() -> tuple[Field, ...]:
    return (
        _text("CustomNotifTypeName", 80),
        _text("DeveloperName", 80),
        Field("MasterLabel", length=80, name_field=True),
        _flag("Desktop", writable=True),
        _flag("Mobile", writable=True),
    )


def _organization() -> tuple[Field, ...]:
    return _name(), _flag("IsSandbox"), _text("InstanceName", 5), _text("OrganizationType", 40)


def _name(*, required: bool = True) -> Field:
    return Field("Name", required=required, name_field=True)


def _text(name: str, length: int = 255, *, kind: FieldType = "string", required: bool = False) -> Field:
    # A long text area cannot stand in a WHERE clause.
    return Field(name, kind, length, required=required, filterable=kind != "textarea")


def _phones(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "phone", PHONE_LENGTH) for name in names)


def _pick(name: str) -> Field:
    return Field(name, "picklist", 40 if name != "Status" else 255)


def _flag(name: str, *, writable: bool = False) -> Field:
    return Field(name, "boolean", 0, createable=writable, updateable=writable)


def _stamp(name: str) -> Field:
    return Field(name, "datetime", 0, createable=False, updateable=False)


def _last_activity() -> Field:
    return Field("LastActivityDate", "date", 0, createable=False, updateable=False)


def _by(name: str) -> Field:
    return _ref(f"{name}Id", name, "User", writable=False)


def _ref(name: str, relationship: str, *targets: str, children: str | None = None, writable: bool = True) -> Field:
    return Field(
        name,
        "reference",
        18,
        createable=writable,
        updateable=writable,
        refers_to=targets,
        relationship=relationship,
        children=children,
    )
