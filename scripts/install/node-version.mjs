/** Node 20 and 22 are what is tested; uWebSockets.js brings binaries for few others. */
const OLDEST = 20;
const TESTED = [20, 22];

/**
 * @param {string} [version]
 * @returns {{ problem?: string, warning?: string }}
 */
export function checkNodeVersion(version = process.versions.node) {
  const major = Number.parseInt(version, 10);
  if (major < OLDEST)
    return { problem: `Node ${version} is too old to run tensorgate: install Node ${TESTED.join(' or ')}.` };
  if (!TESTED.includes(major))
    return { warning: `Node ${version} is not tested with tensorgate, only ${TESTED.join(' and ')} are; going on.` };
  return {};
}
