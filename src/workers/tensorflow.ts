import { failedPrecondition, toServingError } from '../errors.js';
import { binding } from '../native/binding.js';

/**
 * Opens libtensorflow for the whole process, all workers included, bounds the memory that the tensors of requests may hold
 * together, and has the calling thread, the event loop's, scheduled sooner. Returns TensorFlow's version. Throws UNAVAILABLE if
 * the library cannot be opened. `forOpLibraries`: whether loadOpLibraries() will follow.
 */
export function openTensorFlow(directory: string, tensorMemoryBytes: number, forOpLibraries = false): string {
  // TensorFlow says a line for every file it reads; warnings and errors remain. Set it to 0 to see all.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  try {
    const version = binding.openLibrary(directory, forOpLibraries);
    binding.setMemoryBudget(tensorMemoryBytes);
    binding.shortenTimeSlice();
    return version;
  } catch (error) {
    throw toServingError(error);
  }
}

/** What the tensors of requests may hold together, for what else a request holds (MemoryBudget in ports/unpacker.ts). */
export const tensorMemory = {
  reserve: (bytes: number): boolean => binding.reserveMemory(bytes),
  release: (bytes: number): void => binding.releaseMemory(bytes),
};

/**
 * Opens TensorFlow Lite's library for the whole process; once it is open, that is all. Returns its version. Throws
 * FAILED_PRECONDITION if it cannot be opened.
 */
export function openTensorFlowLite(path: string): string {
  try {
    return binding.openLiteLibrary(path);
  } catch (error) {
    throw failedPrecondition(
      `The library of TensorFlow Lite cannot be opened: ${toServingError(error).message}. Remove it and fetch it anew with ` +
        '`npm run fetch:tflite`, or name the folder of another copy in LIBTENSORFLOWLITE_DIR.',
    );
  }
}

/** Ends the process at once, also while runs are in progress, for which a usual exit would wait. */
export function exitNow(code: number): never {
  return binding.exitNow(code);
}
