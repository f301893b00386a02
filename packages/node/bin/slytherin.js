#!/usr/bin/env node
// Runs the command on the Node release that the code needs: this one, or the one that `npm ci` installed beside it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const NEEDED = 24

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  await import('../dist/cli/main.js')
} else {
  const child = spawn(packagedNode(), process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', code => {
    process.exitCode = code ?? 1
  })
}

function packagedNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
    return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    process.stderr.write(
      `slytherin needs Node ${NEEDED}, this is ${process.version}: install it, or run "npm ci" with optional dependencies\n`
    )
    process.exit(1)
  }
}
