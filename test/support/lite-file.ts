/** A model.tflite to be damaged: finds what the schema's tables hold (tensorflow/lite/schema/schema.fbs). */
export class LiteFile {
  readonly bytes: Buffer;

  /** Copies the file. */
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes);
  }

  /** Has the model take or give the tensor of that number at this place. */
  setPlace(list: 'inputs' | 'outputs', place: number, tensor: number): void {
    const places = this.#child(this.#graph(), list === 'inputs' ? 1 : 2);
    this.bytes.writeInt32LE(tensor, places + 4 + 4 * place);
  }

  /** Has the table of signatures say that the output at this place of the first one is the tensor of that number. */
  setSignatureOutput(place: number, tensor: number): void {
    const [signature] = this.#tables(this.#child(this.#follow(0), 7));
    const map = this.#tables(this.#child(signature as number, 1))[place] as number;
    const at = this.#field(map, 1);
    if (at === map) throw new Error('The file leaves out the number, which is 0.');
    this.bytes.writeUInt32LE(tensor, at);
  }

  /** Gives the first tensor of that type values that stand in the file, whatever they are. */
  giveValues(type: number): void {
    const tensor = this.#tables(this.#child(this.#graph(), 0)).find(
      (table) => this.bytes[this.#field(table, 1)] === type,
    );
    const buffers = this.#tables(this.#child(this.#follow(0), 4));
    const filled = buffers.findIndex((table) => this.#field(table, 0) !== table);
    this.bytes.writeUInt32LE(filled, this.#field(tensor ?? 0, 2));
  }

  #graph(): number {
    return this.#follow(this.#child(this.#follow(0), 2) + 4);
  }

  /** Where a table's field is; the table itself if it has none. */
  #field(table: number, slot: number): number {
    const slots = table - this.bytes.readInt32LE(table);
    const entry = 4 + 2 * slot;
    return table + (entry < this.bytes.readUInt16LE(slots) ? this.bytes.readUInt16LE(slots + entry) : 0);
  }

  #follow(at: number): number {
    return at + this.bytes.readUInt32LE(at);
  }

  #child(table: number, slot: number): number {
    return this.#follow(this.#field(table, slot));
  }

  #tables(vector: number): number[] {
    return Array.from({ length: this.bytes.readUInt32LE(vector) }, (_, i) => this.#follow(vector + 4 + 4 * i));
  }
}
