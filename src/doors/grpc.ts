/** The gRPC listener: the addon's own transport where Node carries what it needs; @grpc/grpc-js elsewhere and for TLS. */
import { GrpcJsListener } from './grpc-js-listener.js';
import type { GrpcListener, GrpcListenerOptions } from './grpc-method.js';
import { isNativeGrpcAvailable, NativeGrpcListener } from './grpc-native-listener.js';

export type {
  AnsweringMethod,
  CallContext,
  GrpcListener,
  GrpcListenerOptions,
  GrpcStatus,
  GrpcTls,
  ReplyStream,
  UnaryCall,
  UnaryMethod,
} from './grpc-method.js';
export { ReusedBuffer } from './reused-buffer.js';

/** Which transport to use; all that a client can see of either is the same. */
export type GrpcTransport = 'native' | 'grpc-js';

/** TLS is grpc-js' alone. */
export function createGrpcListener(
  options: GrpcListenerOptions,
  transport: GrpcTransport = isNativeGrpcAvailable() && options.tls === undefined ? 'native' : 'grpc-js',
): GrpcListener {
  return transport === 'native' ? new NativeGrpcListener(options) : new GrpcJsListener(options);
}
