import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyEnvironment } from '../../src/flags/environment.js';
import { parseFlags } from '../../src/flags/flags.js';

function modelOf(args: string[], env: NodeJS.ProcessEnv): string {
  const { modelName, modelBasePath } = applyEnvironment(parseFlags(args), env);
  return `${modelName} in ${modelBasePath}`;
}

describe('MODEL_NAME and MODEL_BASE_PATH', () => {
  it('name the model and the folder that its base folder lies in', () =>
    assert.equal(modelOf([], { MODEL_NAME: 'half', MODEL_BASE_PATH: '/mnt' }), 'half in /mnt/half'));

  it('are /models and model, as in the Docker image, if only the other one is set', () => {
    assert.equal(modelOf([], { MODEL_NAME: 'half' }), 'half in /models/half');
    assert.equal(modelOf([], { MODEL_BASE_PATH: '/mnt' }), 'model in /mnt/model');
  });

  it('give way to flags, each to its own', () => {
    const env = { MODEL_NAME: 'half', MODEL_BASE_PATH: '/mnt' };
    assert.equal(modelOf(['--model_name=x'], env), 'x in /mnt/half');
    assert.equal(modelOf(['--model_base_path=/y'], env), 'half in /y');
  });

  it('change nothing if they are absent or empty', () => {
    assert.equal(modelOf([], {}), 'default in ');
    assert.equal(modelOf([], { MODEL_NAME: '', MODEL_BASE_PATH: '' }), 'default in ');
  });
});
