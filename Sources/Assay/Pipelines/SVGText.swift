import AssayCore

/// Texts as SVG has them.
enum SVGText {
    static func escaped(_ text: String) -> String {
        var result = ""
        // By scalars: a sign is one also where a mark that combines follows it.
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The width of a text in the wider of the usual fonts without serifs, rather too much than too little.
    static func width(_ text: String, size: Double, isBold: Bool = false) -> Int {
        var ems = 0.0
        for scalar in text.unicodeScalars {
            let width =
                switch scalar {
                case "i", "j", "l", "I", ".", ",", ":", ";", "'", "|", "!", " ", "(", ")", "[", "]": 0.42
                case "m", "w", "M", "W", "%", "@", "…", "→": 1.02
                case "a"..."z": 0.64
                case _ where scalar.value < 0x1100: 0.72
                default: 1.05
                }
            ems += width
        }
        return Int((ems * size * (isBold ? 1.1 : 1)).rounded(.up))
    }

    /// The text in lines of at most this width, broken at spaces where there are any.
    static func wrapped(_ text: String, width: Int, size: Double, isBold: Bool = false) -> [String] {
        var lines: [String] = []
        var line = ""
        func fits(_ text: String) -> Bool { Self.width(text, size: size, isBold: isBold) <= width }
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let longer = line.isEmpty ? String(word) : line + " " + word
            if fits(longer) {
                line = longer
                continue
            }
            if !line.isEmpty { lines.append(line) }
            line = ""
            for character in word {
                if !fits(line + String(character)) {
                    lines.append(line)
                    line = ""
                }
                line.append(character)
            }
        }
        return lines + (line.isEmpty && !lines.isEmpty ? [] : [line])
    }
}
