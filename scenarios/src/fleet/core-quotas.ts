/**
 * So much of a core for each worker process, as if it were a machine of its own: control groups of Linux, version 1 or 2, with a quota of processor time. They are made and
 * removed here, which takes root.
 */
import { readFileSync, rmdirSync } from 'node:fs'
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Of a quota: so short that a worker that has used it up is soon there again, microseconds. */
const PERIOD = 20_000
/** The kernel grants no less in a period, microseconds. */
const LEAST_QUOTA = 1_000
const NAME = 'slytherin-fleet-'
/** A group is busy until its last process is buried. */
const REMOVALS = 40
const PAUSE = 50

export class QuotasUnavailableError extends Error {
  override name = 'QuotasUnavailableError'

  constructor(reason: string, options?: ErrorOptions) {
    super(
      `--cores-per-worker takes Linux, root, and control groups with the processor controller (/sys/fs/cgroup/cpu with cpu.cfs_quota_us, or cgroup v2 with cpu in cgroup.controllers): ${reason}`,
      options
    )
  }
}

/** Where groups are made, and how a quota is written there. */
interface Hierarchy {
  readonly root: string
  /** @param quota microseconds a period; undefined for no limit */
  limit(group: string, quota: number | undefined): Promise<void>
}

/** A group for each worker. */
export class CoreQuotas {
  readonly #hierarchy: Hierarchy
  readonly #groups: string[] = []
  /** They would outlive this process. */
  readonly #leaving = (): void => {
    for (const group of this.#groups) removeNow(group)
  }

  private constructor(
    hierarchy: Hierarchy,
    /** Of a worker, while it is limited. */
    readonly cores: number
  ) {
    this.#hierarchy = hierarchy
    process.on('exit', this.#leaving)
  }

  /**
   * So many groups, which are not limited yet.
   * @param cores for each, 0.05 or more
   * @param roots where version 1 and version 2 may be
   * @throws QuotasUnavailableError
   */
  static async make(count: number, cores: number, roots: readonly string[] = ROOTS): Promise<CoreQuotas> {
    if (process.platform !== 'linux') throw new QuotasUnavailableError(`this is ${process.platform}`)
    if (process.getuid?.() !== 0) throw new QuotasUnavailableError('this is not root')
    if (!(cores * PERIOD >= LEAST_QUOTA)) throw new QuotasUnavailableError(`${cores} of a core is less than can be granted`)
    const hierarchy = await hierarchyIn(roots)
    await removeAbandoned(hierarchy.root)
    const made = new CoreQuotas(hierarchy, cores)
    try {
      for (let k = 0; k < count; k++) {
        const group = join(hierarchy.root, `${NAME}${process.pid}-${k}`)
        await mkdir(group)
        made.#groups.push(group)
      }
      // Whether it can be done is known before anything is measured.
      await made.limit()
      await made.release()
      return made
    } catch (cause) {
      await made.remove()
      throw new QuotasUnavailableError(cause instanceof Error ? cause.message : String(cause), { cause })
    }
  }

  /** What runs a command in one of the groups; the process stays the same. */
  through(index: number): string[] {
    const processes = join(this.#groups[index % this.#groups.length]!, 'cgroup.procs')
    return ['/bin/sh', '-c', 'echo $$ > "$0" && exec "$@"', processes]
  }

  /** From now on each has its share and no more. */
  async limit(): Promise<void> {
    for (const group of this.#groups) await this.#hierarchy.limit(group, Math.round(this.cores * PERIOD))
  }

  /** From now on each has as much as there is. */
  async release(): Promise<void> {
    for (const group of this.#groups) await this.#hierarchy.limit(group, undefined)
  }

  /** After their processes have ended. */
  async remove(): Promise<void> {
    for (const group of this.#groups.splice(0)) await removed(group)
    process.off('exit', this.#leaving)
  }
}

const ROOTS = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup']

async function hierarchyIn(roots: readonly string[]): Promise<Hierarchy> {
  for (const root of roots) {
    if (await exists(join(root, 'cpu.cfs_quota_us'))) {
      const limit = async (group: string, quota: number | undefined): Promise<void> => {
        await writeFile(join(group, 'cpu.cfs_period_us'), `${PERIOD}`)
        await writeFile(join(group, 'cpu.cfs_quota_us'), `${quota ?? -1}`)
      }
      return { root, limit }
    }
    const controllers = await readFile(join(root, 'cgroup.controllers'), 'utf8').catch(() => '')
    if (!controllers.split(/\s+/).includes('cpu')) continue
    await writeFile(join(root, 'cgroup.subtree_control'), '+cpu').catch(cause => {
      throw new QuotasUnavailableError(`${root} grants its groups no share of the processor`, { cause })
    })
    return { root, limit: async (group, quota) => await writeFile(join(group, 'cpu.max'), `${quota ?? 'max'} ${PERIOD}`) }
  }
  throw new QuotasUnavailableError(`none of ${roots.join(', ')} has that controller`)
}

/** Of processes that were killed before they could remove them. */
async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [, owner] = new RegExp(`^${NAME}(\\d+)-\\d+$`).exec(name) ?? []
    if (owner === undefined || (await exists(`/proc/${owner}`))) continue
    await rmdir(join(root, name)).catch(() => undefined)
  }
}

async function removed(group: string): Promise<void> {
  for (let time = 0; time < REMOVALS; time++) {
    const done = await rmdir(group).then(
      () => true,
      (cause: NodeJS.ErrnoException) => cause.code === 'ENOENT'
    )
    if (done) return
    await new Promise(resolve => setTimeout(resolve, PAUSE))
  }
}

/** With whatever still runs in it. */
function removeNow(group: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let time = 0; time < REMOVALS; time++) {
    try {
      for (const line of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n'))
        if (line !== '') process.kill(Number(line), 'SIGKILL')
    } catch {
      // One that has ended meanwhile.
    }
    try {
      rmdirSync(group)
      return
    } catch {
      Atomics.wait(pause, 0, 0, PAUSE)
    }
  }
}

const exists = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false
  )
