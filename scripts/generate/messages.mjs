// Writes src/gen/messages.ts: an interface and a field table for each message that TypeScript code reads or writes, and
// for whatever these contain.
import protobuf from 'protobufjs';

const BIG_TYPES = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const TS_TYPES = { string: 'string', bool: 'boolean', bytes: 'Uint8Array' };

/** The text of src/gen/messages.ts for the messages of the given full names. */
export function messagesSource({ root }, names) {
  const types = closure(names.map((name) => lookup(root, name)));
  const named = new Map();
  for (const type of types) {
    const other = named.get(tsName(type));
    if (other !== undefined)
      throw new Error(`${type.fullName} and ${other.fullName} would have the same name in TypeScript.`);
    named.set(tsName(type), type);
  }
  const blocks = types.map((type) => (type instanceof protobuf.Enum ? enumSource(type) : messageSource(type)));
  return ["import type { MessageType } from '../formats/protobuf.js';", '', blocks.join('\n\n'), ''].join('\n');
}

function lookup(root, name) {
  const type = root.lookup(name);
  if (type === null) throw new Error(`${name} is not in protos/.`);
  return type;
}

/** The types and all that they contain: enums first, since the tables name them, then by full name. */
function closure(roots) {
  const found = new Set();
  const visit = (type) => {
    if (found.has(type)) return;
    found.add(type);
    for (const field of type.fieldsArray ?? []) if (field.resolvedType) visit(field.resolvedType);
  };
  roots.forEach(visit);
  const rank = (type) => `${type instanceof protobuf.Enum ? 0 : 1}${type.fullName}`;
  return [...found].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** `TensorShapeProto_Dim` for a message inside another; packages are left out. */
function tsName(type) {
  return type.parent instanceof protobuf.Type ? `${tsName(type.parent)}_${type.name}` : type.name;
}

function enumSource(type) {
  const values = Object.entries(type.values).map(([name, number]) => `  ${name}: ${number},`);
  return [`/** ${type.fullName.slice(1)} */`, `export const ${tsName(type)} = {`, ...values, '} as const;'].join('\n');
}

function messageSource(type) {
  const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id);
  const name = tsName(type);
  const comment = `/** ${type.fullName.slice(1)} */`;
  if (fields.length === 0) {
    return `${comment}\nexport type ${name} = Record<never, never>;\n\n${tableSource(type, name, fields)}`;
  }
  const members = fields.map((field) => `  readonly ${field.name}: ${memberType(field)};`);
  return `${comment}\nexport interface ${name} {\n${members.join('\n')}\n}\n\n${tableSource(type, name, fields)}`;
}

function tableSource(type, name, fields) {
  const head = `export const ${name}: MessageType<${name}> = {\n  name: '${type.fullName.slice(1)}',`;
  if (fields.length === 0) return `${head}\n  fields: [],\n};`;
  return `${head}\n  fields: [\n${fields.map((field) => `    ${fieldSource(field)},`).join('\n')}\n  ],\n};`;
}

function memberType(field) {
  const single = valueType(field);
  if (field.map) return `ReadonlyMap<${scalarType(field.keyType)}, ${single}>`;
  if (field.repeated) return `readonly ${single}[]`;
  return field.partOf || field.resolvedType instanceof protobuf.Type ? `${single} | undefined` : single;
}

function valueType(field) {
  if (field.resolvedType instanceof protobuf.Type) return tsName(field.resolvedType);
  return field.resolvedType instanceof protobuf.Enum ? 'number' : scalarType(field.type);
}

function scalarType(name) {
  return TS_TYPES[name] ?? (BIG_TYPES.has(name) ? 'bigint' : 'number');
}

function fieldSource(field) {
  const parts = [`name: '${field.name}'`, `number: ${field.id}`, `type: ${tableType(field)}`];
  if (field.map) parts.push(`key: '${field.keyType}'`);
  else if (field.repeated) parts.push("rule: 'repeated'");
  else if (field.partOf) parts.push("rule: 'optional'");
  if (field.partOf && !field.options?.proto3_optional) parts.push(`oneof: '${field.partOf.name}'`);
  return `{ ${parts.join(', ')} }`;
}

function tableType(field) {
  if (field.resolvedType instanceof protobuf.Type) return `() => ${tsName(field.resolvedType)}`;
  return field.resolvedType instanceof protobuf.Enum ? tsName(field.resolvedType) : `'${field.type}'`;
}
