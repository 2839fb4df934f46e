import { readFileSync } from 'node:fs';

interface PackageJson {
  readonly version: string;
}

/** The server's own version, from package.json. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as PackageJson
).version;
