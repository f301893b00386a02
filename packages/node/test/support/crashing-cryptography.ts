/** The real cryptography of a service, in a thread that ends as soon as it is told of a model called "crash". */
import type { HostedService, ServiceCryptographyOptions } from '../../src/worker/service-module.ts'

const { createCryptography: create } = (await import(new URL('../../dist/worker/service-cryptography.js', import.meta.url).href)) as {
  createCryptography(options: ServiceCryptographyOptions): Promise<HostedService>
}

export async function createCryptography(options: ServiceCryptographyOptions): Promise<HostedService> {
  const real = await create(options)
  return {
    ...real,
    setModel: async (name, model) => {
      if (name === 'crash') process.exit(3)
      await real.setModel(name, model)
    }
  }
}
