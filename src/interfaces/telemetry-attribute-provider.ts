/** Connections and pools give their attributes to observers, by the OpenTelemetry conventions. */
export interface TelemetryAttributeProvider {
  telemetryAttributes(): Record<string, string | number>;
}
