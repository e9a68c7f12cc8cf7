import { DialGovernor, type DialGovernorSettings } from '../pooling/dial-governor.ts';
import { channels, observed } from '../telemetry/channels.ts';

/** A governor that tells the diagnostics channel `respool:pool:state` when an address goes down or comes up. */
export function makeDialGovernor(settings: DialGovernorSettings = {}): DialGovernor {
  return new DialGovernor({
    ...settings,
    announce: (change) => {
      if (observed(channels.poolState)) channels.poolState.publish(change);
    },
  });
}

/** The one of the process. */
export const dialGovernor = makeDialGovernor();
