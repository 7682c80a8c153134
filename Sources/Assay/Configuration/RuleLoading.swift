import AssayCore
import CEL
import Glibc

extension Configuration {
    /// Compiles the rules and reads their lists; nil when there are no rules.
    func compileRules(path: String) throws(ConfigurationError) -> RuleSet? {
        if rules.isEmpty, patterns.isEmpty { return nil }
        var compiler = RuleCompiler(
            lists: try listContents(path: path), longestWindow: scoring.velocity.windowSeconds.max() ?? 0)
        var mistakes = Mistakes()
        for rule in rules {
            do throws(RuleFault) {
                try compiler.add(rule)
            } catch {
                mistakes.note(fault(error, in: rule, path: path))
            }
        }
        for pattern in patterns {
            do throws(ConfigurationError) {
                try compiler.add(pattern: pattern, path: path)
            } catch {
                mistakes.note(error)
            }
        }
        try mistakes.throwAll()
        // What lists hold counts, not where they are.
        var placeless = self
        for index in lists.indices {
            switch lists[index].source {
            case .inline: break
            case .file(_, let digest): placeless.lists[index].source = .file(path: "", digest: digest)
            case .carried(let entries):
                placeless.lists[index].source = .file(path: "", digest: Self.digest(entries))
            }
        }
        return compiler.finish(
            digest: RuleSet.digest(of: ReferenceConfiguration.yaml(placeless, commented: false).utf8))
    }

    /// The message with the position in the file where the expression is wrong.
    private func fault(_ fault: RuleFault, in rule: RuleDefinition, path: String) -> ConfigurationError {
        let text = fault.part == .when ? rule.whenPosition : rule.reasonPosition
        var position = text ?? rule.position
        var place = ""
        if let text, fault.error.line == 1 {
            position = TextPosition(line: text.line, column: text.column + fault.error.column - 1)
        } else {
            place =
                " at \(fault.error.line):\(fault.error.column) of its \(fault.part == .when ? "'when'" : "'reason'")"
        }
        return ConfigurationError(
            path: path, position: position, message: "rule '\(rule.name)'\(place): \(fault.error.message)",
            excerpt: fault.error.excerpt)
    }

    /// Conditions that can never hold: of a type only as many times are kept as its risk needs, so that no number of
    /// them is greater.
    package var doubts: [String] {
        rules.flatMap { rule -> [String] in
            let comparisons: [CallComparison]
            do throws(SourceError) {
                comparisons = try CallComparison.all(of: "velocity", in: rule.when)
            } catch {
                // It is reported when the rule is compiled.
                return []
            }
            return comparisons.compactMap { comparison in
                guard let type = comparison.arguments.first ?? nil, let least = comparison.least else { return nil }
                let thresholds = scoring.velocity.thresholds[type] ?? scoring.velocity.otherThresholds
                let most = 2 * Int64(thresholds.max() ?? 0)
                guard least > most else { return nil }
                return "rule '\(rule.name)': velocity() of '\(type)' is never above \(most), twice the greatest of its "
                    + "thresholds; raise 'velocity.thresholds', or compare with less"
            }
        }
    }

    // MARK: Lists

    /// The files of lists, beside the configuration where their names are not absolute.
    package func listFiles(of path: String) -> [String] {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        return lists.compactMap { list in
            guard case .file(let file, _) = list.source else { return nil }
            return file.hasPrefix("/") ? file : folder + file
        }
    }

    /// The entries of each list, read from its file if it has one.
    func listContents(path: String) throws(ConfigurationError) -> [(name: String, entries: [String])] {
        var contents: [(name: String, entries: [String])] = []
        for list in lists { contents.append((list.name, try entries(of: list, path: path))) }
        return contents
    }

    /// Reads the files of lists beside `path` and records their digests, so that the text of this configuration changes
    /// with their content.
    mutating func fixLists(path: String) throws(ConfigurationError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        for index in lists.indices {
            guard case .file(let file, let digest) = lists[index].source else { continue }
            let full = file.hasPrefix("/") ? file : folder + file
            let real = realpath(full, nil)
            defer { free(real) }
            lists[index].source = .file(path: real.map { String(cString: $0) } ?? full, digest: digest)
            let entries = try entries(of: lists[index], path: path)
            lists[index].source = .file(
                path: real.map { String(cString: $0) } ?? full, digest: Self.digest(entries))
        }
    }

    private static func digest(_ entries: [String]) -> String {
        RuleSet.digest(of: entries.joined(separator: "\n").utf8)
    }

    func entries(of list: ListDefinition, path: String) throws(ConfigurationError) -> [String] {
        switch list.source {
        case .inline(let entries), .carried(let entries): return entries
        case .file(let file, let digest):
            var status = stat()
            if stat(file, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
                throw fault("the list '\(list.name)' cannot be read from '\(file)': not a regular file", list, path)
            }
            let bytes: [UInt8]
            do throws(FileError) {
                bytes = try readFile(file, atMost: ListDefinition.largestFile)
            } catch {
                throw fault("the list '\(list.name)' cannot be read from '\(file)': \(error.description)", list, path)
            }
            let entries = try parse(bytes, list, path)
            if let digest, Self.digest(entries) != digest {
                throw fault("the list '\(list.name)' in '\(file)' is not the one with the digest \(digest)", list, path)
            }
            return entries
        }
    }

    private func fault(_ message: String, _ list: ListDefinition, _ path: String) -> ConfigurationError {
        ConfigurationError(path: path, position: list.position, message: message)
    }

    private func parse(
        _ bytes: [UInt8], _ list: ListDefinition, _ path: String
    ) throws(ConfigurationError) -> [String] {
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let content = bytes.starts(with: byteOrderMark) ? bytes.dropFirst(byteOrderMark.count) : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            throw fault("the file of the list '\(list.name)' is not UTF-8", list, path)
        }
        var entries: [String] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            var entry = Substring(line)
            while let last = entry.utf8.last, last == 0x20 || last == 0x09 || last == 0x0D {
                entry = Substring(entry.utf8.dropLast())
            }
            while let first = entry.utf8.first, first == 0x20 || first == 0x09 {
                entry = Substring(entry.utf8.dropFirst())
            }
            if entry.isEmpty || entry.utf8.first == UInt8(ascii: "#") { continue }
            guard entry.utf8.count <= ListDefinition.longestEntry, entries.count < ListDefinition.mostEntries else {
                throw fault(
                    "the list '\(list.name)' is too large: at most \(ListDefinition.mostEntries) entries of "
                        + "\(ListDefinition.longestEntry) bytes", list, path)
            }
            entries.append(String(entry))
        }
        return entries
    }
}
