import { NEEDED_FILES } from './find.mjs';
import { TENSORFLOW_VERSION } from './versions.mjs';

/** The end of every sentence about a failed fetch: the way round it. */
export const HOW_TO_BRING_YOUR_OWN =
  `or set LIBTENSORFLOW_DIR to a folder that holds ${NEEDED_FILES} of TensorFlow ${TENSORFLOW_VERSION} ` +
  '(the "tensorflow" folder of an installed Python package will do)';
