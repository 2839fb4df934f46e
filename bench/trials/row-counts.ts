import { createRandom } from '../random.js';

const FEWEST = 50;
const MOST = 300;
/** The mean of u ** 4 is a fifth, which makes that of the counts 100. */
const POWER = 4;

/** Rows of each request of tfserver's benchmark: 50 to 300, about 100 in the mean, the same in every run. */
export function rowCounts(requests: number): number[] {
  const random = createRandom();
  return Array.from({ length: requests }, () => Math.round(FEWEST + (MOST - FEWEST) * random() ** POWER));
}
