import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelMetadata } from '../../src/api/api.js';
import { ManagerState } from '../../src/core/servable-state.js';
import { encodeError, encodeModelMetadata, encodeModelStatus } from '../../src/doors/rest/encode.js';
import { httpStatusOf } from '../../src/doors/rest/status.js';
import { Code, ServingError } from '../../src/errors.js';
import { encodeMessage, type Init } from '../../src/formats/protobuf.js';
import { SignatureDef, type TensorInfo, TypeSpecProto_TypeSpecClass } from '../../src/gen/messages.js';
import { bodyTooLarge } from '../../src/ports/body-too-large.js';
import { DataType } from '../../src/tensor/dtype.js';

describe('encodeModelStatus()', () => {
  it('prints the layout of TF Serving', () => {
    const text = encodeModelStatus([{ id: { name: 'm', version: 1n }, state: ManagerState.AVAILABLE }]);
    assert.equal(
      text,
      '{\n "model_version_status": [\n  {\n   "version": "1",\n   "state": "AVAILABLE",\n   "status": {\n' +
        '    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}\n',
    );
  });

  it('prints versions as exact strings and why a load failed', () => {
    const error = new ServingError(Code.NOT_FOUND, 'No "variables" folder.');
    const id = { name: 'm', version: 9223372036854775807n };
    const parsed = JSON.parse(encodeModelStatus([{ id, state: ManagerState.END, error }]));
    assert.deepEqual(parsed.model_version_status, [
      {
        version: '9223372036854775807',
        state: 'END',
        status: { error_code: 'NOT_FOUND', error_message: 'No "variables" folder.' },
      },
    ]);
  });
});

describe('encodeModelMetadata()', () => {
  const tensor = (name: string, shape: readonly number[] | undefined, dtype: DataType = DataType.FLOAT) => ({
    name,
    dtype,
    tensor_shape: { dim: (shape ?? []).map((size) => ({ size: BigInt(size) })), unknown_rank: shape === undefined },
  });
  const signatureDef = (y: Init<TensorInfo>) =>
    encodeMessage(SignatureDef, {
      inputs: new Map([['x', tensor('x:0', [-1])]]),
      outputs: new Map([['y', y]]),
      method_name: 'tensorflow/serving/predict',
    });
  const metadata = (y: Init<TensorInfo>): ModelMetadata => ({
    id: { name: 'half_plus_two', version: 1n },
    signatures: [
      {
        name: 'serving_default',
        isInternal: false,
        methodName: 'tensorflow/serving/predict',
        inputs: [],
        outputs: [],
        signatureDef: signatureDef(y),
      },
    ],
  });

  it('prints the layout of TF Serving', () => {
    assert.equal(
      encodeModelMetadata(metadata(tensor('y:0', []))),
      [
        '{',
        '"model_spec":{',
        ' "name": "half_plus_two",',
        ' "signature_name": "",',
        ' "version": "1"',
        '}',
        ',',
        '"metadata": {"signature_def": {',
        ' "signature_def": {',
        '  "serving_default": {',
        '   "inputs": {',
        '    "x": {',
        '     "dtype": "DT_FLOAT",',
        '     "tensor_shape": {',
        '      "dim": [',
        '       {',
        '        "size": "-1",',
        '        "name": ""',
        '       }',
        '      ],',
        '      "unknown_rank": false',
        '     },',
        '     "name": "x:0"',
        '    }',
        '   },',
        '   "outputs": {',
        '    "y": {',
        '     "dtype": "DT_FLOAT",',
        '     "tensor_shape": {',
        '      "dim": [],',
        '      "unknown_rank": false',
        '     },',
        '     "name": "y:0"',
        '    }',
        '   },',
        '   "method_name": "tensorflow/serving/predict",',
        '   "defaults": {}',
        '  }',
        ' }',
        '}',
        '}',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('says where a rank is unknown', () => {
    const { metadata: parsed } = JSON.parse(encodeModelMetadata(metadata(tensor('y:0', undefined))));
    const { y } = parsed.signature_def.signature_def.serving_default.outputs;
    assert.deepEqual(y.tensor_shape, { dim: [], unknown_rank: true });
  });

  const printed = (y: Init<TensorInfo>) => {
    const { metadata: parsed } = JSON.parse(encodeModelMetadata(metadata(y)));
    return parsed.signature_def.signature_def.serving_default.outputs.y;
  };

  it('prints a sparse tensor by the names of its parts, and the names of dimensions', () => {
    const coo_sparse = { values_tensor_name: 'v:0', indices_tensor_name: 'i:0', dense_shape_tensor_name: 's:0' };
    const tensor_shape = { dim: [{ size: -1n, name: 'rows' }, { size: 3n }] };
    assert.deepEqual(printed({ dtype: DataType.INT64, tensor_shape, coo_sparse }), {
      dtype: 'DT_INT64',
      tensor_shape: {
        dim: [
          { size: '-1', name: 'rows' },
          { size: '3', name: '' },
        ],
        unknown_rank: false,
      },
      coo_sparse,
    });
  });

  it('prints a composite tensor with its type and components', () => {
    const type_spec = {
      type_spec_class: TypeSpecProto_TypeSpecClass.RAGGED_TENSOR_SPEC,
      type_state: { tuple_value: { values: [{ tensor_dtype_value: DataType.STRING }, { int64_value: 1n }] } },
      type_spec_class_name: 'RaggedTensorSpec',
      num_flat_components: 1,
    };
    const components = [tensor('t:1', [-1], DataType.STRING)];
    assert.deepEqual(printed({ composite_tensor: { type_spec, components } }), {
      dtype: 'DT_INVALID',
      composite_tensor: {
        type_spec: {
          type_spec_class: 'RAGGED_TENSOR_SPEC',
          type_state: { tuple_value: { values: [{ tensor_dtype_value: 'DT_STRING' }, { int64_value: '1' }] } },
          type_spec_class_name: 'RaggedTensorSpec',
          num_flat_components: 1,
        },
        components: [
          {
            dtype: 'DT_STRING',
            tensor_shape: { dim: [{ size: '-1', name: '' }], unknown_rank: false },
            name: 't:1',
          },
        ],
      },
    });
  });
});

describe('errors', () => {
  it('are JSON whatever their text holds', () => {
    assert.equal(encodeError('no model'), '{\n    "error": "no model"\n}');
    const nasty = 'a "quoted"\nline \\ and \u0000';
    assert.deepEqual(JSON.parse(encodeError(nasty)), { error: nasty });
  });

  it('have the HTTP status of their code', () => {
    const expected: Record<keyof typeof Code, number> = {
      OK: 200,
      CANCELLED: 499,
      UNKNOWN: 500,
      INVALID_ARGUMENT: 400,
      DEADLINE_EXCEEDED: 504,
      NOT_FOUND: 404,
      ALREADY_EXISTS: 409,
      PERMISSION_DENIED: 403,
      RESOURCE_EXHAUSTED: 429,
      FAILED_PRECONDITION: 400,
      ABORTED: 409,
      OUT_OF_RANGE: 400,
      UNIMPLEMENTED: 501,
      INTERNAL: 500,
      UNAVAILABLE: 503,
      DATA_LOSS: 500,
      UNAUTHENTICATED: 401,
    };
    for (const [name, code] of Object.entries(Code)) {
      assert.equal(httpStatusOf(new ServingError(code, name)), expected[name as keyof typeof Code], name);
    }
  });

  it('tell a body that is too large (413) from a server that is too busy (429)', () => {
    assert.equal(httpStatusOf(bodyTooLarge(1)), 413);
  });
});
