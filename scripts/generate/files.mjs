// Reads all of protos/ into one protobufjs root in which every type knows the file it came from.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** Parses every .proto file below `folder`: `{ root, files: [{ name, package, imports }] }`, in the order of their names. */
export function parseProtos(folder) {
  const root = new protobuf.Root();
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.proto'))
    .sort();
  const files = names.map((name) => parseFile(root, folder, name));
  for (const { name, imports } of files) {
    for (const path of imports)
      if (!names.includes(path)) throw new Error(`${name} imports ${path}, which is not in protos/.`);
  }
  root.resolveAll();
  return { root, files };
}

function parseFile(root, folder, name) {
  protobuf.parse.filename = name;
  const parsed = protobuf.parse(readFileSync(join(folder, name), 'utf8'), root, { keepCase: true });
  return { name, package: parsed.package, imports: parsed.imports ?? [] };
}
