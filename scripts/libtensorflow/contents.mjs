/**
 * What of a wheel is unpacked, as shell patterns. Each of `needed` has to match something, lest a wheel of another
 * layout pass unnoticed; `wanted` are the licences, which go wherever the libraries go.
 *
 * @typedef {{ needed: string[], wanted: string[] }} Contents
 */

/** The headers reached from c_api.h and tf_tstring.h, which are all that the addon includes. */
const HEADERS = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/core/platform/ctstring.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
];

const TENSORFLOW = [
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/THIRD_PARTY_NOTICES.txt',
  'tensorflow/include/LICENSE',
  ...HEADERS.map((header) => `tensorflow/include/${header}`),
];

const CUDA_PART = ['nvidia/*/lib/*.so*'];

/**
 * XLA compiles kernels while it runs: it starts ptxas and reads libdevice. The rest of the compiler is for programmers.
 */
const CUDA_COMPILER = ['nvidia/cuda_nvcc/bin/ptxas', 'nvidia/cuda_nvcc/nvvm/libdevice/*'];

const LICENCES = ['*.dist-info/*[Ll]icense*', '*.dist-info/*LICENSE*'];

/**
 * @param {string} wheelName
 * @returns {Contents}
 */
export function contentsOf(wheelName) {
  if (!wheelName.startsWith('nvidia-')) return { needed: TENSORFLOW, wanted: LICENCES };
  return { needed: wheelName.startsWith('nvidia-cuda-nvcc-') ? CUDA_COMPILER : CUDA_PART, wanted: LICENCES };
}
