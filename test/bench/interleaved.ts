/**
 * Runs each contender in turn, round after round, and leaves out the first round, in which everything is compiled.
 * @returns the figures of each, in the order of the rounds
 */
export async function interleaved<Name extends string>(rounds: number, contenders: Readonly<Record<Name, () => Promise<number>>>): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      globalThis.gc?.(); // nobody pays for another's garbage
      const cpu = process.cpuUsage();
      const figure = await contenders[name]();
      const used = process.cpuUsage(cpu);
      if (process.env.BENCH_VERBOSE) process.stderr.write(`${name} ${figure.toFixed(2)} cpu ${(used.user + used.system) / 1000} ms\n`);
      if (round > 0) figures[name].push(figure);
    }
  }
  return figures;
}

/** How many a second, when so many of them have been done since `start` (performance.now()). */
export const perSecond = (count: number, start: number): number => (count / (performance.now() - start)) * 1000;
