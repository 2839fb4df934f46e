// Writes src/gen/descriptors.ts: for each file of protos/ its FileDescriptorProto and what it defines, for gRPC reflection.
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';

const TYPE_NUMBERS = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const MESSAGE = 11;
const ENUM = 14;
const LABEL_OPTIONAL = 1;
const LABEL_REPEATED = 3;

/** The text of src/gen/descriptors.ts. */
export function descriptorsSource({ root, files }) {
  const lines = [
    '/** A file of protos/: what gRPC reflection hands out. */',
    'export interface ProtoFile {',
    '  readonly name: string;',
    '  readonly imports: readonly string[];',
    '  /** Full names of its messages, enums, services and their methods. */',
    '  readonly symbols: readonly string[];',
    '  /** Its serialized google.protobuf.FileDescriptorProto in base64. */',
    '  readonly descriptor: string;',
    '}',
    '',
    'export const protoFiles: readonly ProtoFile[] = [',
  ];
  for (const file of files) lines.push(...fileSource(file, topLevelObjects(root, file)));
  lines.push('];', '');
  return lines.join('\n');
}

function fileSource(file, objects) {
  const bytes = descriptor.FileDescriptorProto.encode(fileDescriptor(file, objects)).finish();
  const symbols = objects.flatMap(symbolsOf);
  return [
    '  {',
    `    name: '${file.name}',`,
    `    imports: [${file.imports.map((path) => `'${path}'`).join(', ')}],`,
    '    symbols: [',
    ...symbols.map((symbol) => `      '${symbol}',`),
    '    ],',
    '    descriptor:',
    `      '${Buffer.from(bytes).toString('base64')}',`,
    '  },',
  ];
}

function topLevelObjects(root, file) {
  const parent = file.package === undefined ? root : root.lookup(file.package);
  return parent.nestedArray.filter((object) => object.filename === file.name && !isPlainNamespace(object));
}

function isPlainNamespace(object) {
  return object.constructor === protobuf.Namespace;
}

function symbolsOf(object) {
  const name = object.fullName.slice(1);
  if (object instanceof protobuf.Service)
    return [name, ...object.methodsArray.map((method) => `${name}.${method.name}`)];
  if (object instanceof protobuf.Type) return [name, ...object.nestedArray.flatMap(symbolsOf)];
  return [name];
}

function fileDescriptor(file, objects) {
  return {
    name: file.name,
    package: file.package,
    dependency: file.imports,
    messageType: objects.filter((object) => object instanceof protobuf.Type).map(messageDescriptor),
    enumType: objects.filter((object) => object instanceof protobuf.Enum).map(enumDescriptor),
    service: objects.filter((object) => object instanceof protobuf.Service).map(serviceDescriptor),
    syntax: 'proto3',
  };
}

function messageDescriptor(type) {
  const oneofs = [...type.oneofsArray].sort((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)));
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => fieldDescriptor(field, oneofs)),
    nestedType: [
      ...type.nestedArray.filter((object) => object instanceof protobuf.Type).map(messageDescriptor),
      ...type.fieldsArray.filter((field) => field.map).map(mapEntryDescriptor),
    ],
    enumType: type.nestedArray.filter((object) => object instanceof protobuf.Enum).map(enumDescriptor),
    oneofDecl: oneofs.map((oneof) => ({ name: oneof.name })),
    ...reservedOf(type),
  };
}

/** Behind a proto3 `optional` field stands a oneof of its own; such ones must come after the real ones. */
function isSynthetic(oneof) {
  return oneof.fieldsArray.some((field) => field.options?.proto3_optional);
}

/** The ends of reserved ranges are exclusive in messages and inclusive in enums. */
function reservedOf(type) {
  const beyond = type instanceof protobuf.Enum ? 0 : 1;
  const reserved = type.reserved ?? [];
  return {
    reservedRange: reserved.filter(Array.isArray).map(([start, end]) => ({ start, end: end + beyond })),
    reservedName: reserved.filter((entry) => typeof entry === 'string'),
  };
}

function fieldDescriptor(field, oneofs) {
  const base = { name: field.name, jsonName: jsonNameOf(field), number: field.id };
  if (field.map) {
    return { ...base, label: LABEL_REPEATED, type: MESSAGE, typeName: `${field.parent.fullName}.${entryName(field)}` };
  }
  return {
    ...base,
    label: field.repeated ? LABEL_REPEATED : LABEL_OPTIONAL,
    ...typeOf(field.type, field.resolvedType),
    ...(field.partOf ? { oneofIndex: oneofs.indexOf(field.partOf) } : {}),
    ...(field.options?.proto3_optional ? { proto3Optional: true } : {}),
  };
}

function jsonNameOf(field) {
  return field.options?.json_name ?? protobuf.util.jsonName(field.name);
}

function typeOf(name, resolvedType) {
  if (resolvedType instanceof protobuf.Enum) return { type: ENUM, typeName: resolvedType.fullName };
  if (resolvedType instanceof protobuf.Type) return { type: MESSAGE, typeName: resolvedType.fullName };
  const type = TYPE_NUMBERS[name];
  if (type === undefined)
    throw new Error(`${name} is no scalar type, and no message or enum of that name is in protos/.`);
  return { type };
}

/** `version_labels` → `VersionLabelsEntry`, the name that protoc gives to a map's entries. */
function entryName(field) {
  return `${field.name.split('_').map(protobuf.util.ucFirst).join('')}Entry`;
}

function mapEntryDescriptor(field) {
  const entry = (name, number, type) => ({ name, jsonName: name, number, label: LABEL_OPTIONAL, ...type });
  return {
    name: entryName(field),
    field: [entry('key', 1, typeOf(field.keyType)), entry('value', 2, typeOf(field.type, field.resolvedType))],
    options: { mapEntry: true },
  };
}

function enumDescriptor(type) {
  return {
    name: type.name,
    value: Object.entries(type.values).map(([name, number]) => ({ name, number })),
    ...reservedOf(type),
  };
}

function serviceDescriptor(service) {
  return {
    name: service.name,
    method: service.methodsArray.map((method) => ({
      name: method.name,
      inputType: method.resolvedRequestType.fullName,
      outputType: method.resolvedResponseType.fullName,
      clientStreaming: method.requestStream || undefined,
      serverStreaming: method.responseStream || undefined,
    })),
  };
}
