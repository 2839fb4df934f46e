/**
 * PredictRequests as Python's tensorflow-serving-api 2.21 writes them (hex), made with tf.make_tensor_proto for the model
 * `m` and the input `x`.
 */
const GOLDEN = {
  /** [1, 2, 5] as a list: float_val; version 7, signature `sig`, output_filter `y`. */
  floatVal: '0a0c0a016d120208071a03736967121b0a017812160801120412020803220c0000803f000000400000a0401a0179',
  /** [[1, 2], [3, 4]] float32. */
  content: '0a030a016d12230a0178121e08011208120208021202080222100000803f000000400000404000008040',
  /** ["a", "", "ccc"]. */
  strings: '0a030a016d12170a01781212080712041202080342016142004203636363',
  /** [True, False]: bool_val. */
  boolVal: '0a030a016d12110a0178120c080a1204120208025a020100',
  /** complex64 [1+2j]: scomplex_val. */
  scomplexVal: '0a030a016d12170a0178121208081204120208014a080000803f00000040',
  /** [2^63]: uint64_val. */
  uint64Val: '0a030a016d121a0a0178121508171204120208018a010a80808080808080808001',
  /** [2^32 - 1]: uint32_val. */
  uint32Val: '0a030a016d12150a017812100816120412020801820105ffffffff0f',
  /** 3.0, a scalar. */
  scalar: '0a030a016d120f0a0178120a080112002a0400004040',
  /** Label `stable`, no inputs. */
  label: '0a0b0a016d2206737461626c65',
  /** a: double [2.0]; b: float [1.0]. */
  two: '0a030a016d12170a0161121208021204120208013208000000000000004012130a0162120e08011204120208012a040000803f',
} as const;

export type GoldenPredict = keyof typeof GOLDEN;
export const goldenPredictNames = Object.keys(GOLDEN) as GoldenPredict[];

export function goldenPredict(name: GoldenPredict): Buffer {
  return Buffer.from(GOLDEN[name], 'hex');
}

/** A field of a message: tag and length before the parts. */
export function field(number: number, ...parts: (Uint8Array | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  if (body.length > 127 || number > 15) throw new Error('Only short fields are written here');
  return Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
}

/** A PredictRequest for the model `m` with one input `x` of the given TensorProto fields. */
export function predictWith(...tensor: (Uint8Array | number[])[]): Buffer {
  const name = field(1, Buffer.from('m'));
  return Buffer.concat([field(1, name), field(2, field(1, Buffer.from('x')), field(2, ...tensor))]);
}
