/**
 * Asks the party of this machine, or container, how it is: for health checks that cannot ask its loopback interface themselves.
 *
 *   node probe.mjs live|ready [port]      exits with 0 or 1, and says what is missing
 */
const [page = 'live', port = process.env.SLYTHERIN_METRICS_PORT ?? '9464'] = process.argv.slice(2)
if (!['live', 'ready'].includes(page) || !/^\d{1,5}$/.test(port)) {
  console.error('usage: node probe.mjs live|ready [port]')
  process.exit(2)
}
try {
  const answer = await fetch(`http://127.0.0.1:${port}/health/${page}`, { signal: AbortSignal.timeout(8000) })
  const { missing = [] } = await answer.json()
  for (const { message, remedy } of missing) console.error(`${message}. ${remedy}`)
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  console.error(
    `no answer at port ${port}: ${error.cause?.code ?? error.message}. Set "metrics: { port: ${port} }" in party.yaml, and see whether the party runs.`
  )
  process.exitCode = 1
}
