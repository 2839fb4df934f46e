/**
 * gRPC server reflection (grpc/grpc, doc/server-reflection.md), v1 and v1alpha, from the descriptors of `src/gen/`: so
 * tools such as grpcurl need no .proto files.
 */
import { Code } from '../../errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../formats/protobuf.js';
import { type ProtoFile, protoFiles } from '../../gen/descriptors.js';
import { ServerReflectionRequest, ServerReflectionResponse } from '../../gen/messages.js';
import type { GrpcListener } from '../grpc.js';

const REFLECTION_SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

type Response = Init<ServerReflectionResponse>;

/** Registers both versions of the reflection service. `services`: full names of the services to list beside them. */
export function registerReflection(listener: GrpcListener, services: readonly string[]): void {
  const listed = [...services, ...REFLECTION_SERVICES].sort();
  const index = indexFiles();
  for (const service of REFLECTION_SERVICES) {
    listener.registerDialogue(`/${service}/ServerReflectionInfo`, (message) => {
      const request = decodeMessage(ServerReflectionRequest, message);
      const response = { valid_host: request.host, original_request: request, ...respond(request, index, listed) };
      return encodeMessage(ServerReflectionResponse, response);
    });
  }
}

interface FileIndex {
  readonly byName: ReadonlyMap<string, ProtoFile>;
  readonly bySymbol: ReadonlyMap<string, ProtoFile>;
}

function indexFiles(): FileIndex {
  return {
    byName: new Map(protoFiles.map((file) => [file.name, file])),
    bySymbol: new Map(protoFiles.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const))),
  };
}

function respond(request: ServerReflectionRequest, index: FileIndex, services: readonly string[]): Response {
  if (request.list_services !== undefined) {
    return { list_services_response: { service: services.map((name) => ({ name })) } };
  }
  if (request.file_by_filename !== undefined) {
    return fileResponse(index.byName.get(request.file_by_filename), index, `file ${request.file_by_filename}`);
  }
  if (request.file_containing_symbol !== undefined) {
    return fileResponse(
      index.bySymbol.get(request.file_containing_symbol),
      index,
      `symbol ${request.file_containing_symbol}`,
    );
  }
  return respondAboutExtensions(request, index);
}

/** None of the files has extensions. */
function respondAboutExtensions(request: ServerReflectionRequest, index: FileIndex): Response {
  const type = request.all_extension_numbers_of_type;
  if (type !== undefined && index.bySymbol.has(type)) {
    return { all_extension_numbers_response: { base_type_name: type, extension_number: [] } };
  }
  if (type !== undefined) return unknown(`message ${type}`);
  if (request.file_containing_extension !== undefined) return unknown('extension');
  return {
    error_response: { error_code: Code.INVALID_ARGUMENT, error_message: 'The reflection request asks for nothing.' },
  };
}

function fileResponse(file: ProtoFile | undefined, index: FileIndex, what: string): Response {
  if (file === undefined) return unknown(what);
  const descriptors = [...withImports(file, index)].map(({ descriptor }) => Buffer.from(descriptor, 'base64'));
  return { file_descriptor_response: { file_descriptor_proto: descriptors } };
}

function unknown(what: string): Response {
  return { error_response: { error_code: Code.NOT_FOUND, error_message: `There is no ${what} here.` } };
}

/** The file and all that it needs, itself first. */
function withImports(file: ProtoFile, index: FileIndex, found = new Set<ProtoFile>()): Set<ProtoFile> {
  found.add(file);
  for (const path of file.imports) {
    const imported = index.byName.get(path);
    if (imported !== undefined && !found.has(imported)) withImports(imported, index, found);
  }
  return found;
}
