import { InMemoryShareLedger } from '@slytherin/mhe'
import { shareLedgerCompliance } from '@slytherin/mhe/testing'

shareLedgerCompliance('memory', { create: () => new InMemoryShareLedger() })
