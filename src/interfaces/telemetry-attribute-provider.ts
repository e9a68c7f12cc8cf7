/** Connections and pools name themselves to whoever observes them, by the OpenTelemetry conventions. */
export interface TelemetryAttributeProvider {
  telemetryAttributes(): Record<string, string | number>;
}
