/** Entry of the `slytherin` command. */
import { runProgram } from './program.js'

process.exitCode = await runProgram(process.argv.slice(2), {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  terminal: process.stdout.isTTY
})
