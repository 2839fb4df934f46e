/**
 * The wheels that libtensorflow is taken from, each pinned to one file by its sha256.
 *
 * The Python wheels are the only published builds that have the whole C API in one shared library, for both processors
 * and with CUDA. Nothing of Python in them is used.
 *
 * To move to another version, put its hashes here: `python3 -m pip install --dry-run --ignore-installed --no-deps
 * --report - --only-binary=:all: --platform PLATFORM --python-version 311 --target /nowhere NAME==VERSION` tells them
 * (archive_info).
 */
import { SetupError } from './setup-error.mjs';

export const TENSORFLOW_VERSION = '2.21.0';

/**
 * @typedef {'cpu' | 'gpu'} Flavour
 * @typedef {'x86_64' | 'aarch64'} Architecture
 * @typedef {object} Wheel
 * @property {string} name what pip calls it
 * @property {string} version
 * @property {string} platform the tag in its file name
 * @property {number} megabytes about how much is downloaded, for the progress display only
 * @property {string} sha256
 */

/** @type {(name: string, version: string, platform: string, megabytes: number, sha256: string) => Wheel} */
const wheel = (name, version, platform, megabytes, sha256) => ({ name, version, platform, megabytes, sha256 });

/**
 * The CUDA parts, those that the extra `and-cuda` of the tensorflow wheel names, all of CUDA 12.9.1. cuDNN 9.10 is the
 * last that still runs on Pascal and Volta cards; NCCL is the oldest that this TensorFlow accepts.
 */
// biome-ignore format: a table is read by its columns
const CUDA_WHEELS = [
  wheel('nvidia-cublas-cu12', '12.9.1.4', 'manylinux_2_27_x86_64', 581, '453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2'),
  wheel('nvidia-cuda-cupti-cu12', '12.9.79', 'manylinux_2_25_x86_64', 11, '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f'),
  wheel('nvidia-cuda-nvcc-cu12', '12.9.86', 'manylinux2010_x86_64', 41, '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0'),
  wheel('nvidia-cuda-nvrtc-cu12', '12.9.86', 'manylinux2010_x86_64', 90, '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4'),
  wheel('nvidia-cuda-runtime-cu12', '12.9.79', 'manylinux2014_x86_64', 3, '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3'),
  wheel('nvidia-cudnn-cu12', '9.10.2.21', 'manylinux_2_27_x86_64', 707, '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8'),
  wheel('nvidia-cufft-cu12', '11.4.1.4', 'manylinux2014_x86_64', 201, 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28'),
  wheel('nvidia-curand-cu12', '10.3.10.19', 'manylinux_2_27_x86_64', 68, '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e'),
  wheel('nvidia-cusolver-cu12', '11.7.5.82', 'manylinux_2_27_x86_64', 338, '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88'),
  wheel('nvidia-cusparse-cu12', '12.5.10.65', 'manylinux2014_x86_64', 367, '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78'),
  wheel('nvidia-nccl-cu12', '2.27.7', 'manylinux2014_x86_64', 323, 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa'),
  wheel('nvidia-nvjitlink-cu12', '12.9.86', 'manylinux2010_x86_64', 40, 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9'),
];

/** @type {Record<Flavour, Partial<Record<Architecture, Wheel[]>>>} */
// biome-ignore format: a table is read by its columns
const WHEELS = {
  cpu: {
    x86_64: [wheel('tensorflow-cpu', TENSORFLOW_VERSION, 'manylinux_2_27_x86_64', 274, '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c')],
    // There is no tensorflow-cpu for this processor: its tensorflow wheel is built without CUDA.
    aarch64: [wheel('tensorflow', TENSORFLOW_VERSION, 'manylinux_2_27_aarch64', 282, '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c')],
  },
  gpu: {
    x86_64: [wheel('tensorflow', TENSORFLOW_VERSION, 'manylinux_2_27_x86_64', 572, '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124'), ...CUDA_WHEELS],
  },
};

/**
 * The wheels that make up one library.
 * @param {Flavour} flavour
 * @param {Architecture} architecture
 * @returns {Wheel[]}
 */
export function pinnedWheels(flavour, architecture) {
  const wheels = WHEELS[flavour][architecture];
  if (!wheels) {
    throw new SetupError(
      `TensorFlow ${TENSORFLOW_VERSION} is not published with CUDA for ${architecture}; unset TENSORGATE_TENSORFLOW to run on the CPU, ` +
        'or set LIBTENSORFLOW_DIR to a folder with a build of your own.',
    );
  }
  return wheels;
}
