/**
 * What Classify and Regress ask of a signature before it is run. Texts are TensorFlow Serving's (servables/tensorflow/
 * classifier.cc and regressor.cc), since clients match on them.
 */
import { invalidArgument } from '../errors.js';
import { declaredAliases, type SignatureInfo } from '../servables/signature-info.js';
import { CLASSIFY_METHOD, REGRESS_METHOD } from '../tensor/inference.js';

/** Alias of the one input of both methods, of Classify's outputs, and of Regress' only one. */
export const INPUTS = 'inputs';
export const CLASSES = 'classes';
export const SCORES = 'scores';
export const OUTPUTS = 'outputs';

/**
 * Throws INVALID_ARGUMENT if the signature is none for Classify; its method name counts only if `checkMethodName`. Returns
 * the aliases of the outputs to fetch.
 */
export function checkClassifySignature(signature: SignatureInfo, checkMethodName: boolean): string[] {
  if (checkMethodName) checkMethod(signature, CLASSIFY_METHOD, 'classification');
  checkInputs(signature, 'classification');
  const count = declaredAliases(signature.outputs).length;
  if (count !== 1 && count !== 2) throw invalidArgument(`Expected one or two output Tensors, found ${count}`);
  const wanted = [CLASSES, SCORES].filter((alias) => hasOutput(signature, alias));
  if (wanted.length > 0) return wanted;
  throw invalidArgument(
    `Expected classification signature outputs to contain at least one of "${CLASSES}" or "${SCORES}". ` +
      `Signature was: ${describe(signature)}`,
  );
}

/** Likewise for Regress. */
export function checkRegressSignature(signature: SignatureInfo, checkMethodName: boolean): string[] {
  if (checkMethodName) checkMethod(signature, REGRESS_METHOD, 'regression');
  checkInputs(signature, 'regression');
  if (declaredAliases(signature.outputs).length !== 1) throw invalidArgument('Expected one output Tensor.');
  if (hasOutput(signature, OUTPUTS)) return [OUTPUTS];
  throw invalidArgument(`No regression outputs found in SignatureDef: ${describe(signature)}`);
}

function checkMethod({ methodName }: SignatureInfo, expected: string, kind: string): void {
  if (methodName === expected) return;
  throw invalidArgument(`Expected ${kind} signature method_name to be ${expected}. Was: ${methodName}`);
}

function checkInputs(signature: SignatureInfo, kind: string): void {
  if (declaredAliases(signature.inputs).length !== 1) throw invalidArgument('Expected one input Tensor.');
  if (signature.inputs[0]?.alias === INPUTS) return;
  throw invalidArgument(`No ${kind} inputs found in SignatureDef: ${describe(signature)}`);
}

function hasOutput({ outputs }: SignatureInfo, alias: string): boolean {
  return outputs.some((output) => output.alias === alias);
}

/** In place of the SignatureDef's whole text. */
function describe({ name, methodName, inputs, outputs }: SignatureInfo): string {
  const list = (tensors: SignatureInfo['inputs']) => declaredAliases(tensors).join(', ');
  return `${name} (method_name ${methodName}; inputs: ${list(inputs)}; outputs: ${list(outputs)})`;
}
