/// Why sorting ended.
package enum SortFault: Error {
    case input(InputError)
    /// Of the folder for what does not fit into memory; nil where the file was there already.
    case temporaryFile(folder: String?, errorNumber: Int32)
    case output(errorNumber: Int32)
    case rejects(errorNumber: Int32)
    /// Whoever read the output had enough.
    case closed
}
