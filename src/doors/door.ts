/** A door: where bytes come in. server.ts opens, drains and closes all doors alike. */
export interface Door {
  /** For the log and for errors, e.g. `gRPC`. */
  readonly name: string;
  /**
   * Binds the port and starts to accept. Resolves with the bound port (of use when 0 was asked for: any free port).
   * Rejects with a ServingError UNAVAILABLE that names the address if it cannot be bound.
   */
  listen(): Promise<number>;
  /**
   * Stops accepting connections and requests at once, answers what was accepted, and resolves when all of it has been sent
   * and idle connections are closed. May be called once, also before listen(). Never rejects; server.ts bounds the wait.
   */
  drain(): Promise<void>;
  /** Drops whatever is left, at once. */
  close(): void;
}
